"""Words of every page, and of refusals."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("自助热线控制台", "selfline console"),
    "home": ("首页", "Home"),
    "phone": ("试打电话", "Telephone"),
    "account": ("我的账号", "My account"),
    "facts": ("操作记录", "Audit"),
    "facts_intro": ("谁在什么时候登录、查看了什么、改动了什么。", "Who signed in, looked at what and changed what, and when."),
    "other_language": ("English", "中文"),
    "skip": ("跳到正文", "Skip to content"),
    "menu": ("菜单", "Menu"),
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
}
