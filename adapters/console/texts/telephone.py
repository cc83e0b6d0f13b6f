"""Words of the telephone in the browser; its states are told by the script."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    # the telephone
    "phone_intro": (
        "在浏览器里拨打这条热线：能听、能按键，也可以直接说，页面上逐步显示流程在做什么。",
        "Call this line from the browser: hear it, press keys or speak, and see step by step what the flow does.",
    ),
    "number_dialled": ("拨打的号码", "Number to dial"),
    "calling_as": ("用谁的号码呼叫", "Calling as"),
    "call": ("呼叫", "Call"),
    "hang_up": ("挂断", "Hang up"),
    "decline": ("拒接", "Decline"),
    "mute": ("静音", "Mute"),
    "keypad": ("拨号键盘", "Keypad"),
    "keypad_help": ("也可以直接用电脑键盘按 0-9、*、#。", "The computer's own 0-9, * and # work too."),
    "level": ("听到的音量", "What you hear"),
    "pressed": ("已按", "Pressed"),
    "trace": ("通话轨迹", "Live trace"),
    "trace_empty": (
        "接通后，这里会逐个节点显示：在流程文件的哪一行、播报了什么、按了什么、查询用了多久。",
        "Once the call is up you see node by node: the line of the flow, what was said, what was pressed, how long look-ups took.",
    ),
    "trace_secret": (
        "号码只显示后四位；密码不会出现；后台查到的金额等以〔 〕代替。",
        "Numbers show their last four digits, secrets never appear, values of the back office stand as [ ].",
    ),
    "at_node": ("当前节点", "At node"),
    # states of the telephone, told by the script
    "idle": ("空闲", "Idle"),
    "starting": ("正在准备…", "Getting ready …"),
    "calling": ("正在呼叫…", "Calling …"),
    "talking": ("通话中", "Connected"),
    "ended": ("通话结束", "The call is over"),
    "unanswered": ("没有接通：线路拒绝或不可用", "Not connected: refused, or the line is away"),
    "no_console": ("连不上控制台，线路还在运行吗？", "The console cannot be reached. Does the line still run?"),
    "no_media": ("声音没有接通，请检查防火墙。", "No audio could be set up. Is a firewall in the way?"),
    "no_microphone": ("没有麦克风：只能听和按键，不能说话。", "No microphone: you can hear and press keys, not speak."),
    "insecure": (
        "浏览器只在 https 或本机地址上允许使用麦克风。",
        "Browsers allow a microphone on https and on this machine's own address only.",
    ),
    "busy": ("试打太多，请稍后再试。", "Too many calls. Try again in a moment."),
    "ringing": ("来电", "It rings"),
    "rung_here": ("本机在线：工单回电会在这里振铃。", "On line: whoever calls this number back rings here."),
    "rung_away": ("连不上线路，回电暂时不会在这里振铃。", "The line cannot be reached: calls back do not ring here just now."),
    "milliseconds": ("毫秒", "ms"),
}
