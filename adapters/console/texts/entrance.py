"""Words of signing in, of one's own account and of the audit."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
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
    "fact_telephone_told": ("取得话机密码", "was told a telephone's password"),
    "fact_called": ("试打电话", "called from the browser"),
    "no_facts": ("还没有记录。", "Nothing has been written down yet."),
}
