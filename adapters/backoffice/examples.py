"""Behind the example lines: invented cards, parcels and appointments, in the same database as the sample subscribers.

A PIN is kept only as a salted hash. Every login costs the same work, whether there is such a card or not, and each counts before it is
judged: three wrong ones a day, in whatever calls, lock the card for that day. The table for readers is in README.md beside this file.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from decimal import Decimal

from sqlalchemy import Boolean, Column, Connection, Date, Integer, LargeBinary, MetaData, String, Table, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

LookUp = Callable[[Connection, Mapping[str, str], dt.datetime], object]

WRONG_PINS = 3
_WORK = 20_000  # rounds of PBKDF2: about ten milliseconds a login

METADATA = MetaData()

_card = Table(
    "card",
    METADATA,
    Column("card", String, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("pin_hash", LargeBinary, nullable=False),
    Column("available_fen", Integer, nullable=False),
)
_login = Table(
    "card_login",
    METADATA,
    Column("card", String, primary_key=True),
    Column("day", Date, nullable=False),
    Column("tries", Integer, nullable=False),
)
_appointment = Table(
    "appointment",
    METADATA,
    Column("phone", String, primary_key=True),
    Column("born", String, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("cancelled", Boolean, nullable=False),
)

# --- the sample data; the PINs are printed in README.md, for they open nothing ---

CARDS: Mapping[str, tuple[str, Decimal]] = {
    "6200000000001001": ("135790", Decimal("3562.80")),
    "6200000000001002": ("246801", Decimal("0.00")),
}

_TRANSACTIONS: Mapping[str, tuple[tuple[int, str, str, Decimal], ...]] = {  # days ago, what in both languages, how much
    "6200000000001001": (
        (0, "超市消费", "at the supermarket", Decimal("86.50")),
        (1, "地铁消费", "on the underground", Decimal("5.00")),
        (2, "餐饮消费", "at a restaurant", Decimal("128.00")),
        (4, "工资入账", "salary received", Decimal("6200.00")),
        (6, "转账支出", "transferred", Decimal("1500.00")),
    )
}

_PARCELS: Mapping[str, tuple[str, tuple[tuple[int, dt.time, str, str], ...]]] = {  # state; days ago, time, place, what
    "730000000101": ("accepted", ((0, dt.time(9, 20), "杭州", "快件已揽收"),)),
    "730000000102": ("moving", ((0, dt.time(6, 5), "南京", "快件已到达中转站"), (1, dt.time(18, 40), "杭州", "快件已揽收"))),
    "730000000103": (
        "delivering",
        (
            (0, dt.time(8, 30), "上海", "快递员正在派送"),
            (0, dt.time(5, 10), "上海", "快件已到达营业点"),
            (1, dt.time(22, 0), "南京", "快件已离开中转站"),
            (2, dt.time(18, 40), "杭州", "快件已揽收"),
        ),
    ),
    "730000000104": ("delivered", ((1, dt.time(14, 15), "上海", "快件已签收"), (1, dt.time(8, 0), "上海", "快递员正在派送"))),
    "730000000105": ("held", ((0, dt.time(11, 45), "上海", "派送未成功"), (0, dt.time(8, 30), "上海", "快递员正在派送"))),
}

_PATIENTS: Mapping[str, tuple[str, int]] = {"13900001008": ("05031980", 2), "13900001009": ("24121975", 9)}  # born; working days from today
_FREE = ((1, dt.time(9, 10)), (1, dt.time(14, 30)), (2, dt.time(10, 0)), (5, dt.time(11, 20)))  # working days from today
_DOCTORS = ("Doctor Lin", "Doctor Baker")


def seed(connection: Connection) -> None:
    """Put the samples in, in place of any that are there. Wrong PINs of today stay counted."""
    for table in (_card, _appointment):
        connection.execute(delete(table))
    for card, (pin, available) in CARDS.items():
        salt = secrets.token_bytes(16)
        values = {"salt": salt, "pin_hash": _hashed(pin, salt), "available_fen": int(available * 100)}
        connection.execute(insert(_card).values(card=card, **values))
    for phone, (born, days) in _PATIENTS.items():
        connection.execute(insert(_appointment).values(phone=phone, born=born, slot=days, cancelled=False))


# --- the bank ---


def _log_in(connection: Connection, arguments: Mapping[str, str], now: dt.datetime) -> object:
    card, today = arguments["card"], now.date()
    connection.execute(delete(_login).where(_login.c.day != today))
    counted = upsert(_login).values(card=card, day=today, tries=1)
    connection.execute(counted.on_conflict_do_update(index_elements=["card"], set_={"tries": _login.c.tries + 1}))
    tries = connection.execute(select(_login.c.tries).where(_login.c.card == card)).scalar_one()
    row = connection.execute(select(_card).where(_card.c.card == card)).first()
    known = row is not None
    salt, pin_hash = (row.salt, row.pin_hash) if row is not None else (b"nobody's card...", b"")
    right = hmac.compare_digest(_hashed(arguments["pin"], salt), pin_hash) and known
    accepted = right and tries <= WRONG_PINS
    if accepted:
        connection.execute(delete(_login).where(_login.c.card == card))
        return {"accepted": True, "locked": False, "left": WRONG_PINS}
    return {"accepted": False, "locked": tries >= WRONG_PINS, "left": max(0, WRONG_PINS - tries)}


def _card_balance(connection: Connection, arguments: Mapping[str, str], now: dt.datetime) -> object:
    row = connection.execute(select(_card).where(_card.c.card == arguments["card"])).first()
    return None if row is None else {"available": Decimal(row.available_fen).scaleb(-2)}


def _transactions(connection: Connection, arguments: Mapping[str, str], now: dt.datetime) -> object:
    chinese = arguments["language"].startswith("zh")
    rows = _TRANSACTIONS.get(arguments["card"], ())
    return {
        "items": tuple(
            {"date": now.date() - dt.timedelta(days=days), "what": zh if chinese else en, "amount": amount} for days, zh, en, amount in rows
        )
    }


def _hashed(pin: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", pin.encode(), salt, _WORK)


# --- the courier ---


def _parcel(connection: Connection, arguments: Mapping[str, str], now: dt.datetime) -> object:
    found = _PARCELS.get(arguments["number"])
    if found is None:
        return None
    state, steps = found
    history = tuple(
        {"date": now.date() - dt.timedelta(days=days), "time": at, "what": f"{place}，{what}"} for days, at, place, what in steps
    )
    return {"state": state, "place": steps[0][2], "date": history[0]["date"], "time": steps[0][1], "history": history}


# --- the surgery ---


def _booked(connection: Connection, arguments: Mapping[str, str], now: dt.datetime) -> object:
    row = connection.execute(
        select(_appointment).where(
            _appointment.c.phone == arguments["phone"], _appointment.c.born == arguments["born"], _appointment.c.cancelled.is_(False)
        )
    ).first()
    return None if row is None else {"doctor": _DOCTORS[0], "date": _working_day(now.date(), row.slot), "time": dt.time(10, 40)}


def _cancel(connection: Connection, arguments: Mapping[str, str], now: dt.datetime) -> object:
    if _booked(connection, arguments, now) is None:
        return None
    connection.execute(update(_appointment).where(_appointment.c.phone == arguments["phone"]).values(cancelled=True))
    return {"cancelled": True}


def _free(connection: Connection, arguments: Mapping[str, str], now: dt.datetime) -> object:
    slots = enumerate(_FREE)
    return {
        "items": tuple({"doctor": _DOCTORS[place % 2], "date": _working_day(now.date(), days), "time": at} for place, (days, at) in slots)
    }


def _working_day(today: dt.date, count: int) -> dt.date:
    """The day so many working days from today."""
    days = (today + dt.timedelta(days=ahead) for ahead in range(1, 2 * count + 3))
    return [day for day in days if day.weekday() < 5][count - 1]


LOOK_UPS: Mapping[str, LookUp] = {
    "login": _log_in,
    "card_balance": _card_balance,
    "transactions": _transactions,
    "parcel": _parcel,
    "appointment": _booked,
    "cancel_appointment": _cancel,
    "free_appointments": _free,
}
