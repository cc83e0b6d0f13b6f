"""The programs' side of the console: REST under /api/v1, trouble tickets of the TM Forum under /tmf-api, and what describes them."""
