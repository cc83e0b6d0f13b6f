"""Words of the telephones of one's own seat; the states of the one in the page are told by the script."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "seat_title": ("坐席话机", "My telephone"),
    "seat_intro": (
        "上线后，转人工的来电和您发起的回电都会在这里振铃。通话时请不要关闭本页。",
        "Once you are on line, calls for a person and your own calls back ring here. Keep this page open while you talk.",
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
    "seat_leave": ("正在通话，离开将挂断。", "You are in a call; leaving hangs up."),
    "no_seat": ("您没有坐席话机。", "You have no seat."),
    "seat_sip": ("SIP 话机", "SIP telephone"),
    "seat_sip_intro": (
        "任何 SIP 话机都可以用下面的信息注册。请勿转告他人。",
        "Any SIP telephone registers with this. Do not pass it on.",
    ),
    "seat_sip_show": ("显示话机注册信息（会被记录）", "Show what it registers with (this is written down)"),
    "seat_server": ("服务器", "Server"),
    "seat_user": ("用户", "User"),
}
