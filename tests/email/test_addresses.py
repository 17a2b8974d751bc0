"""Addresses out of headers that strangers write: read right, and in time that grows as the header does."""

from __future__ import annotations

import time

import pytest

from channels.email.addresses import Mailbox, read_addresses
from channels.email.letter import FIELDS, read_letter


@pytest.mark.parametrize(
    "unit",
    [
        "a,",
        ",",
        "a b,",
        "a,b;",
        '"a",',
        "<bad>,",
        "<a>x",
        "(c),",
        "<" + " " * 900 + "x>",
        "=?x?q?",
        '"',
        "(a ",
    ],
)
def test_an_address_header_four_times_as_long_costs_four_times_as_much(unit: str) -> None:
    def cost(length: int) -> float:
        value = unit * (length // len(unit))
        spent = []
        for _ in range(3):
            started = time.process_time()
            read_addresses(value)
            spent.append(time.process_time() - started)
        return min(spent)

    # Were it the square, sixteen times; a hundredth of a second is the clock's.
    assert cost(128_000) < 10 * cost(32_000) + 0.01


def test_a_name_with_unquoted_commas_keeps_its_words_and_a_crowd_of_them_its_last() -> None:
    assert read_addresses("Петров, Иван, ООО Заря <ivan@example.ru>") == [
        Mailbox("ivan@example.ru", "Петров, Иван, ООО Заря")
    ]
    crowd = "a, " * 5_000 + "Иван <ivan@example.ru>, anna@example.ru"
    first, second = read_addresses(crowd)
    assert (first.address, first.name[-4:], len(first.name) <= 200) == ("ivan@example.ru", "Иван", True)
    assert second == Mailbox("anna@example.ru", "")


def test_of_a_header_that_is_repeated_without_end_the_first_ones_are_read() -> None:
    raw = b"".join(b"To: a%d@example.ru\r\n" % number for number in range(500)) + b"\r\nhi\r\n"
    mailboxes = read_letter(raw).mailboxes("to")
    assert [mailbox.address for mailbox in mailboxes] == [f"a{number}@example.ru" for number in range(FIELDS)]
