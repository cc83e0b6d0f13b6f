"""Words of the telephones of one's own seat; the states of the one in the page are told by the script."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "seat_title": ("坐席话机", "My telephone"),
    "seat_intro": (
        "上线后，转人工的来电和您发起的回电都会在这里振铃。请让本页一直开着，关闭即下线；工单在另一个标签页里处理。",
        "Calls for a person and your own calls back ring here once you are on line. Closed, this page is off line: work in another tab.",
    ),
    "seat_on": ("上线", "Go on line"),
    "seat_off": ("下线", "Go off line"),
    "seat_answer": ("接听", "Answer"),
    "seat_keys": ("按键：Enter 接听，h 挂断，数字键直接按。", "Keys: Enter answers, h hangs up, digits are pressed as they are."),
    "seat_off_line": ("未上线", "Off line"),
    "seat_registering": ("正在上线…", "Going on line …"),
    "seat_ready": ("在线，等待来电", "On line, waiting for calls"),
    "seat_refused": ("未能上线：话机未被接受。", "Not on line: the telephone was not accepted."),
    "seat_away": ("连不上控制台，正在重试…", "The console cannot be reached. Trying again …"),
    "seat_ringing": ("来电振铃", "It rings"),
    "seat_talking": ("通话中", "Connected"),
    "seat_no_microphone": ("没有麦克风：对方听不到您。", "No microphone: nobody can hear you."),
    # how one's telephones are, on the pages of the desk
    "seat_no_trunk": (
        "这条线路还没有外呼中继（IVR_TRUNK），不能由线路回拨：请用自己的电话拨打，再写明结果办结。",
        "This line has no trunk (IVR_TRUNK) and cannot call back: dial with your own telephone, then write what came of it and close.",
    ),
    "seat_to_browser": (
        "还没有外呼中继（IVR_TRUNK）：回拨在“试打电话”页（/phone）振铃，请让它以用户的号码开着。",
        "No trunk yet (IVR_TRUNK): calls back ring on the telephone page (/phone). Keep it open with the caller's number.",
    ),
    "seat_now_none": ("您没有坐席话机。", "You have no seat."),
    "seat_now_unknown": ("现在看不到您的话机是否在线。", "Whether your telephone is on line cannot be seen just now."),
    "seat_now_away": ("您的话机未上线，回拨前请先上线。", "Your telephone is off line. Bring it on line before you call back."),
    "seat_now_free": ("您的话机在线，回拨时它先振铃。", "Your telephone is on line. It rings first when you call back."),
    "seat_now_busy": ("您的话机正在振铃或通话中。", "Your telephone rings, or you are talking."),
    "cause_busy": ("您的电话占线", "your telephone is busy"),
    "cause_no_answer": ("您没有接听", "you did not pick up"),
    "cause_not_confirmed": ("您没有按一接通", "you did not press 1 to be put through"),
    "cause_hung_up": ("您挂断了", "you hung up"),
    "cause_agent_hung_up": ("振铃时您挂断了", "you hung up while it rang"),
    "cause_agent_busy": ("您有另一个回拨正在进行", "another call back of yours is under way"),
    "cause_claim_lost": ("工单已不由您处理", "the ticket is not yours any more"),
    "cause_hours": ("现在不是回电时间", "nobody is rung up at this hour"),
    "cause_number_plan": ("不允许拨打该号码，请用自己的电话回拨", "the line may not dial that number"),
    "cause_asterisk_away": ("电话系统没有运行", "the telephone system does not run"),
    "cause_line_died": ("电话系统中断，用户没有振铃", "the telephone system broke off; the caller was not rung"),
    "cause_line_failed": ("话机故障", "your telephone failed"),
    "no_seat": ("您没有坐席话机。", "You have no seat."),
    "seat_sip": ("SIP 话机", "SIP telephone"),
    "seat_sip_intro": (
        "任何 SIP 话机都可以用下面的信息注册。请勿转告他人。",
        "Any SIP telephone registers with this. Do not pass it on.",
    ),
    "seat_sip_or": (
        "桌上的 SIP 话机或软电话要注册信息；网页里的话机什么都不用设置：",
        "A SIP telephone on the table needs to register. The one in the page needs nothing set up:",
    ),
    "seat_sip_show": ("显示话机注册信息（会被记录）", "Show what it registers with (this is written down)"),
    "seat_server": ("服务器", "Server"),
    "seat_user": ("用户", "User"),
}
