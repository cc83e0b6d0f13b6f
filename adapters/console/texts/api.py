"""Words of the programs' side: its page, its facts, and why a program is refused."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "api": ("程序接口", "For programs"),
    "api_intro": (
        "其他系统可以通过 REST 接口查询和处理工单；完整说明（OpenAPI 3.1）：",
        "Other systems can look at tickets and work on them through a REST interface. The whole description (OpenAPI 3.1):",
    ),
    "api_request": ("请求", "Request"),
    "api_takes": ("参数", "Takes"),
    "desk_kind_promised": ("其他渠道承诺回电", "another desk promised a call"),
    "kind_promised": ("其他渠道承诺回电", "promised elsewhere"),
    # tables to take away
    "sheet_statement": ("下载对账表（CSV）", "Download this statement (CSV)"),
    "sheet_tickets": ("下载工单（CSV）", "Download the tickets (CSV)"),
    # refusals
    "no_token": ("请出示有效的令牌。", "Show a token that is valid: Authorization: Bearer slf_..."),
    "not_for_token": ("这个令牌的角色不能这样做。", "The role of this token may not do that."),
    "too_many": ("请求太多，请稍后再试。", "Too many requests. Try again after the seconds of Retry-After."),
    "no_method": ("这里不支持这种请求。", "There is something here, and not for that method."),
    "unreadable": ("请求内容无法读取。", "The body of the request cannot be read: it is no JSON in UTF-8."),
    # the audit
    "fact_exported": ("导出表格", "took away a table"),
    "fact_token_added": ("新建令牌", "added a token"),
    "fact_token_revoked": ("吊销令牌", "revoked a token"),
    "fact_webhook_added": ("新建事件推送", "added a webhook"),
    "fact_webhook_removed": ("删除事件推送", "removed a webhook"),
}
