"""The words of the pages, Mandarin and English. A page shows one and the other beside it, so that nobody is lost in either."""

from __future__ import annotations

from markupsafe import Markup

LANGUAGES = {"zh": "zh-CN", "en": "en"}

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("自助热线控制台", "selfline console"),
    "home": ("首页", "Home"),
    "phone": ("试打电话", "Telephone"),
    "account": ("我的账号", "My account"),
    "facts": ("操作记录", "Audit"),
    "other_language": ("English", "中文"),
    "skip": ("跳到正文", "Skip to content"),
    # signing in
    "sign_in": ("登录", "Sign in"),
    "sign_out": ("退出", "Sign out"),
    "name": ("用户名", "Name"),
    "password": ("密码", "Password"),
    "refused": ("用户名或密码不正确。", "Wrong name or password."),
    "locked_out": ("密码错误次数过多，请在十五分钟后再试。", "Too many wrong passwords. Try again in fifteen minutes."),
    "signed_in_as": ("已登录", "Signed in as"),
    "agent": ("坐席", "agent"),
    "supervisor": ("班长", "supervisor"),
    "operator": ("运维", "operator"),
    "admin": ("管理员", "administrator"),
    # the account
    "change_password": ("修改密码", "Change password"),
    "old_password": ("当前密码", "Present password"),
    "new_password": ("新密码（至少十二个字符）", "New password (12 characters at least)"),
    "wrong_password": ("当前密码不正确。", "The present password is wrong."),
    "weak_password": (
        "新密码太弱：至少十二个字符，其中五个不同，且不含用户名。",
        "Too weak: twelve characters at least, five of them different, and without your name.",
    ),
    # refusals
    "not_found": ("没有这个页面。", "There is no such page."),
    "not_allowed": ("您的角色不能打开这个页面。", "Your role may not open this page."),
    "phone_closed": (
        "请打开 make run 打印的电话链接，或者先登录。",
        "Open the link to the telephone that make run printed, or sign in.",
    ),
    "bad_form": ("页面已过期，请返回后重试。", "This page is out of date. Go back and try again."),
    "store_failed": ("数据库暂时不可用，请稍后再试。", "The database is away. Try again in a moment."),
    "failed": ("出了点问题，请重试。", "Something went wrong. Try again."),
    # the audit
    "when": ("时间", "When"),
    "who": ("谁", "Who"),
    "what": ("做了什么", "What"),
    "whose": ("对象", "Of whom or what"),
    "where": ("来自", "From"),
    "fact_signed_in": ("登录", "signed in"),
    "fact_refused": ("登录失败", "was refused"),
    "fact_locked_out": ("已锁定，不予登录", "was locked out"),
    "fact_signed_out": ("退出", "signed out"),
    "fact_password_changed": ("修改密码", "changed a password"),
    "fact_account_added": ("新建账号", "added an account"),
    "fact_account_closed": ("停用账号", "closed an account"),
    "fact_account_opened": ("启用账号", "opened an account"),
    "fact_looked_at": ("查看", "looked at"),
    "fact_called": ("试打电话", "called from the browser"),
    "no_facts": ("还没有记录。", "Nothing has been written down yet."),
    # the telephone
    "phone_intro": (
        "在浏览器里拨打这条热线：能听、能按键，也可以直接说，右边逐步显示流程在做什么。",
        "Call this line from the browser: hear it, press keys or speak, and see beside it what the flow does.",
    ),
    "number_dialled": ("拨打的号码", "Number to dial"),
    "calling_as": ("用谁的号码呼叫", "Calling as"),
    "call": ("呼叫", "Call"),
    "hang_up": ("挂断", "Hang up"),
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
    "milliseconds": ("毫秒", "ms"),
}


def words(key: str, language: str) -> tuple[str, str]:
    """A text in the page's language, and in the other."""
    zh, en = TEXTS[key]
    return (zh, en) if language == "zh" else (en, zh)


def beside(key: str, language: str) -> Markup:
    """A text with the other language beside it."""
    first, second = words(key, language)
    other = LANGUAGES["en" if language == "zh" else "zh"]
    return Markup('{} <span class="beside" lang="{}">{}</span>').format(first, other, second)
