"""Letters as they come into a mailbox, and what the core is told about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from channels.email.describe import describe
from channels.email.inbound import normalise, with_stored
from channels.email.letter import read_letter
from channels.email.threading import make_message_id, make_return_path
from core.channel import Ignored, InboundMessage, Kind, Received, Unreadable

SAMPLES = Path(__file__).parent / "samples"
NOW = datetime(2024, 4, 5, 10, 0, tzinfo=UTC)
SECRET = b"a key of this installation"
OURS = frozenset({"sales@mebel-les.example"})


def letter(name: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes()


def received(raw: bytes, size_limit: int = 1 << 24) -> Received:
    return normalise(
        raw,
        received_at=NOW,
        our_addresses=OURS,
        our_domain="mebel-les.example",
        secret=SECRET,
        scope="box",
        size_limit=size_limit,
    )


def message(raw: bytes) -> InboundMessage:
    understood = received(raw).understood
    assert isinstance(understood, InboundMessage)
    return understood


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gmail_reply", "Спасибо, подходит! Когда сможете привезти?"),
        ("yandex_reply", "Здравствуйте!\n\nАдрес доставки: Тверь, ул. Советская, 12."),
        ("mailru_reply", "Да, жду в субботу."),
        (
            "outlook_reply",
            "Добрый день!\n\nПришлите, пожалуйста, счёт на юрлицо.\n\nС уважением, Анна Смирнова",
        ),
        ("iphone_reply", "Беру два стола"),
        (
            "thunderbird_inline",
            "Oak, please, the darker the better, and if it is possible without any lacquer at all.\n\nYes, to Tver.",
        ),
        ("raw_windows1251", "Здравствуйте, сколько стоит доставка шкафа до Твери?"),
        ("mislabelled_koi8", "Прошу прислать каталог и цены на кухонные столы."),
        ("wrong_boundary", "Текст виден."),
        ("picture_only", "IMG_0042.jpeg"),
    ],
)
def test_the_manager_reads_what_the_person_wrote(name: str, text: str) -> None:
    found = message(letter(name))
    assert found.text == text
    assert not found.automatic
    assert found.kind is Kind.MESSAGE


def test_the_whole_letter_is_kept_beside_the_new_part() -> None:
    found = message(letter("gmail_reply"))
    assert found.whole_text is not None
    assert "48 000 рублей" in found.whole_text
    assert found.references == ("<second@mebel-les.example>", "<first@mebel-les.example>")
    assert found.reply_to == "<second@mebel-les.example>"
    assert [address.key for address in found.sender.addresses] == ["email:ivan.petrov@example.org"]
    assert found.sender.name == "Иван Петров"
    assert found.subject == "Re: Стол из дуба"
    assert found.thread == "mail:ivan.petrov@example.org"


def test_a_forwarded_letter_keeps_what_it_forwards() -> None:
    assert "+7 912 345-67-89" in message(letter("outlook_forward")).text


def test_raw_eight_bit_headers_are_read() -> None:
    found = message(letter("raw_windows1251"))
    assert found.subject == "Вопрос по доставке мебели"
    assert found.sender.name == "Сергей Щукин"


def test_a_site_form_is_written_by_the_one_in_reply_to() -> None:
    found = message(letter("site_form"))
    assert [(address.value, address.proved) for address in found.sender.addresses] == [
        ("olga@example.com", True)
    ]
    assert found.sender.name == "Ольга"
    assert not found.automatic


def test_reply_to_says_only_where_the_answer_goes() -> None:
    raw = b"From: Ivan <ivan@work.example>\nReply-To: victim@example.org\nSubject: hi\n\nhello"
    found = message(raw)
    assert [(address.value, address.proved) for address in found.sender.addresses] == [
        ("victim@example.org", False),
        ("ivan@work.example", True),
    ]
    assert found.sender.name == "Ivan"
    ours = raw.replace(b"victim@example.org", b"sales@mebel-les.example")
    assert [address.value for address in message(ours).sender.addresses] == ["ivan@work.example"]


def test_a_letter_through_our_own_group_is_from_its_author_and_no_list() -> None:
    found = message(letter("our_group"))
    assert found.sender.addresses[0].value == "ivan.petrov@example.org"
    assert found.sender.name == "Ivan Petrov"
    assert not found.automatic


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("out_of_office", "auto_reply"),
        ("newsletter", "list"),
        ("read_receipt", "report"),
        ("postfix_bounce", "bounce"),
        ("prose_bounce", "bounce"),
        ("delayed", "bounce"),
    ],
)
def test_machines_are_never_answered(name: str, kind: str) -> None:
    assert message(letter(name)).automatic
    assert describe(letter(name), OURS)["kind"] == kind


def test_the_reply_to_of_an_auto_responder_is_not_believed() -> None:
    assert message(letter("out_of_office")).sender.addresses[0].value == "ivan.petrov@example.org"


@pytest.mark.parametrize(
    ("header", "automatic"),
    [
        ("Auto-Submitted: no", False),
        ("Auto-Submitted: auto-forwarded", False),
        ("Auto-Submitted: auto-generated; owner=x", True),
        ("Precedence: bulk", True),
        ("Precedence: auto_reply", True),
        ("X-Autoreply: yes", True),
        ("X-Loop: sales@mebel-les.example", True),
        ("List-Id: <news.example>", True),
        ("Return-Path: <>", True),
        ("X-Auto-Response-Suppress: OOF, AutoReply", True),
        ("X-Priority: 1", False),
        ("Subject: Автоответ: я в отпуске", True),
        ("Subject: Out of Office: back on Monday", True),
        ("Subject: Abwesenheitsnotiz", True),
        ("Subject: Re: Автоответ: я в отпуске", False),
        ("Subject: Я в отпуске, перезвоните", False),
        ("Subject: Out of office furniture needed", False),
    ],
)
def test_a_header_tells_a_machine_from_a_person(header: str, automatic: bool) -> None:
    raw = f"{header}\nFrom: ivan@example.org\nTo: sales@mebel-les.example\n\nhello".encode()
    assert message(raw).automatic is automatic


@pytest.mark.parametrize(
    ("sender", "automatic"),
    [
        ("noreply@shop.example", True),
        ("no-reply+77@shop.example", True),
        ("do_not_reply@shop.example", True),
        ("orders-noreply@shop.example", True),
        ("MAILER-DAEMON@mx.example", True),
        ("postmaster@mx.example", True),
        ("sales@mebel-les.example", True),  # ourselves
        ("noreen@shop.example", False),
        ("replyman@shop.example", False),
    ],
)
def test_an_address_tells_a_machine_from_a_person(sender: str, automatic: bool) -> None:
    assert message(f"From: {sender}\nSubject: hi\n\nhello".encode()).automatic is automatic


def test_a_bounce_names_the_address_its_status_and_our_letter() -> None:
    found = message(letter("postfix_bounce"))
    assert found.kind is Kind.BOUNCE
    assert found.bounce is not None
    assert found.bounce.recipients == (("ivan@gone.example", "5.1.1", True),)
    assert found.bounce.original_message_id == "<our.letter@mebel-les.example>"


def test_a_full_mailbox_told_in_prose_is_no_dead_address() -> None:
    bounce = message(letter("prose_bounce")).bounce
    assert bounce is not None
    assert bounce.recipients == (("olga@pochta.example", "5.2.2", False),)
    assert bounce.original_message_id == "<our.second@mebel-les.example>"


def test_a_delay_is_temporary() -> None:
    bounce = message(letter("delayed")).bounce
    assert bounce is not None
    assert bounce.recipients == (("anna@slow.example", "4.4.1", False),)


def test_a_bounce_finds_its_conversation_by_our_id_and_its_delivery_by_the_return_path() -> None:
    ours = make_message_id(7, 42, "mebel-les.example", SECRET)
    raw = letter("postfix_bounce").replace(b"<our.letter@mebel-les.example>", ours.encode())
    path = make_return_path(42, "mebel-les.example", SECRET)
    raw = raw.replace(b"\r\nTo: sales@mebel-les.example", f"\r\nTo: {path}".encode())
    found = message(raw)
    assert found.thread == "conversation:7"
    assert found.fields["delivery"] == "42"


def test_a_reply_joins_the_conversation_its_id_was_signed_for_and_no_other() -> None:
    ours = make_message_id(7, 42, "mebel-les.example", SECRET)
    forged = make_message_id(7, 42, "mebel-les.example", b"a stranger's key")
    raw = letter("gmail_reply")
    assert message(raw.replace(b"<first@mebel-les.example>", ours.encode())).thread == "conversation:7"
    assert message(raw.replace(b"<second@mebel-les.example>", ours.encode())).thread == "conversation:7"
    assert message(raw.replace(b"<second@mebel-les.example>", forged.encode())).thread.startswith("mail:")


def test_our_own_letter_coming_back_is_ignored() -> None:
    ours = make_message_id(7, 42, "mebel-les.example", SECRET)
    raw = f"From: sales@mebel-les.example\nMessage-ID: {ours}\nSubject: hi\n\nhello".encode()
    assert isinstance(received(raw).understood, Ignored)


def test_files_have_safe_and_unique_names_and_their_bytes_can_be_read_twice() -> None:
    raw = letter("attachments")
    files = read_letter(raw).attachments
    assert [(file.name, file.media_type) for file in files] == [
        ("Чертёж.pdf", "application/pdf"),
        ("Чертёж (2).pdf", "application/pdf"),
        ("passwd", "application/octet-stream"),
        ("image.png", "image/png"),
        ("winmail.dat", "application/ms-tnef"),
        ("Старое письмо.eml", "message/rfc822"),
    ]
    for _ in range(2):
        assert b"".join(files[1].content()) == b"%PDF-1.4 two"
    assert files[1].size == 12
    assert "вложенного".encode() in b"".join(files[5].content())
    assert "вложенного" not in message(raw).text


def test_the_store_is_paired_with_the_files() -> None:
    before = received(letter("attachments"))
    assert isinstance(before.understood, InboundMessage)
    hashes = [f"sha{number}" for number in range(len(before.understood.files))]
    after = with_stored(before, hashes).understood
    assert isinstance(after, InboundMessage)
    assert [file.stored for file in after.files] == hashes
    assert [file.kind for file in after.files] == ["document"] * 3 + ["photo"] + ["document"] * 2


def test_the_same_letter_has_one_key_whatever_way_it_came() -> None:
    raw = letter("gmail_reply")
    other_way = raw.replace(b"192.0.2.10", b"198.51.100.7").replace(b"\r\n", b"\n")
    assert received(raw).external_id == received(other_way).external_id


def test_a_reused_message_id_with_another_text_is_another_letter() -> None:
    one = b"From: a@b.example\nMessage-ID: <same@x>\n\nfirst"
    assert received(one).external_id != received(one.replace(b"first", b"second")).external_id


def test_letters_without_an_id_or_a_sender_are_still_letters() -> None:
    found = message(b"Subject: hello\n\nI want a table")
    assert found.message_id is None
    assert found.text == "I want a table"
    assert [(address.kind, address.scope, address.proved) for address in found.sender.addresses] == [
        ("letter", "box", False)
    ]


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Thu, 04 Apr 2024 18:00:00 +0300", datetime(2024, 4, 4, 15, tzinfo=UTC)),
        ("Fri, 31 Dec 2038 00:00:00 +0000", NOW),  # a clock that runs ahead
        ("Thu, 01 Jan 1970 00:00:00 +0000", NOW),
        ("yesterday", NOW),
        ("Thu, 04 Apr 2024 99:00:00 +9999", NOW),
    ],
)
def test_a_date_that_cannot_be_true_is_replaced(date: str, expected: datetime) -> None:
    found = message(f"From: a@b.example\nDate: {date}\n\nhello".encode())
    assert found.sent_at == expected
    assert found.sent_at <= NOW + timedelta(minutes=5)


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"just words", b"\x00\xff" * 50])
def test_what_is_no_letter_is_parked_with_the_reason(raw: bytes) -> None:
    assert received(raw).understood == Unreadable("no header fields: this is not a letter")
    assert received(raw).raw == raw


def test_a_letter_above_the_limit_is_parked() -> None:
    understood = received(letter("gmail_reply"), size_limit=100).understood
    assert isinstance(understood, Unreadable)
    assert "100 allowed" in understood.error
