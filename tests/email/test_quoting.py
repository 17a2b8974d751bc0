"""What a person wrote now, told apart from what their program put under it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.quoting import is_forward, new_text
from channels.email.text import read_html, read_plain

REPLIES = {
    "gmail ru": "Да\n\nпт, 5 апр. 2024 г. в 12:34, Иван Петров <ivan@mail.ru>:\n\n> Согласны?",
    "gmail ru wrapped": "Да\n\nпт, 5 апр. 2024 г. в 12:34, Очень Длинное Имя Отдела Продаж <\nivan@mail.ru>:\n\n> ok?",
    "gmail en": "Да\n\nOn Fri, Apr 5, 2024 at 12:34 PM Ivan <ivan@mail.ru> wrote:\n\n> Согласны?",
    "gmail en wrapped": "Да\n\nOn Fri, Apr 5, 2024 at 12:34 PM Ivan, Sales\n<ivan@mail.ru>\nwrote:\n\n> Согласны?",
    "yandex": 'Да\n\n05.04.2024, 12:34, "Иван" <ivan@ya.ru>:\n\n> Согласны?',
    "mail.ru": "Да\n\n>Пятница, 5 апреля 2024, 12:34 +03:00 от Иван <ivan@mail.ru>:\n>\n>Согласны?",
    "mail.ru bare": "Да\n\nПятница, 5 апреля 2024, 12:34 +03:00 от Иван <ivan@mail.ru>:\n\nСогласны?",
    "thunderbird ru": "Да\n\n05.04.2024 12:34, Иван Петров пишет:\n> Согласны?",
    "apple ru": "Да\n\n> 5 апр. 2024 г., в 12:34, Иван <ivan@mail.ru> написал(а):\n> \n> Согласны?",
    "the bat": "Да\n\nЗдравствуйте, Иван.\n\nВы писали 5 апреля 2024 г., 12:34:28:\n\n> Согласны?",
    "outlook ru": "Да\n\nОт: Иван [mailto:ivan@mail.ru]\nОтправлено: 5 апреля 2024 г.\nКому: Анна\nТема: Стол\n\nДа?",
    "outlook ru mobile": "Да\n\nПолучить Outlook для Android<https://aka.ms/x>\n________________________________\n"
    "From: Ivan <ivan@mail.ru>\nSent: Friday, April 5, 2024 12:34:00 PM\nTo: Anna\nSubject: Table\n\nAgree?",
    "outlook en": "Да\n\n-----Original Message-----\nFrom: Ivan\nSent: Friday\nTo: Anna\nSubject: Table\n\nAgree?",
    "outlook de": "Да\n\nVon: Iwan <ivan@mail.ru>\nGesendet: 5. April 2024 12:34\nAn: Anna\nBetreff: Tisch\n\nJa?",
    "french": "Да\n\nLe ven. 5 avr. 2024 à 12:34, Ivan <ivan@mail.ru> a écrit :\n\n> D'accord ?",
    "german": "Да\n\nAm Fr., 5. Apr. 2024 um 12:34 Uhr schrieb Iwan <ivan@mail.ru>:\n\n> Ja?",
    "spanish": "Да\n\nEl vie, 5 abr 2024 a las 12:34, Ivan (<ivan@mail.ru>) escribió:\n\n> ¿Sí?",
    "polish": "Да\n\npt., 5 kwi 2024 o 12:34 Iwan <ivan@mail.ru> napisał(a):\n\n> Tak?",
    "portuguese": "Да\n\nEm sex., 5 de abr. de 2024 às 12:34, Ivan <ivan@mail.ru> escreveu:\n\n> Sim?",
    "italian": "Да\n\nIl giorno ven 5 apr 2024 alle ore 12:34 Ivan <ivan@mail.ru> ha scritto:\n\n> Va bene?",
    "dutch": "Да\n\nOp vr 5 apr 2024 om 12:34 schreef Ivan <ivan@mail.ru>:\n\n> Goed?",
    "swedish": "Да\n\nDen fre 5 apr. 2024 kl 12:34 skrev Ivan <ivan@mail.ru>:\n\n> Ja?",
    "ukrainian": "Да\n\nпт, 5 квіт. 2024 р. о 12:34 Іван <ivan@ukr.net> пише:\n\n> Згодні?",
    "unknown language": "Да\n\n2024-04-05 12:34 ivan@example.org qwertyka:\n> Согласны?",
    "only marks": "Да\n> Согласны?\n> Жду.",
    "iphone ru": "Да\n\nОтправлено с iPhone",
    "mobile mail.ru": "Да\n\n--\nОтправлено из Mail.ru для Android",
    "sent from samsung": "Да\n\nSent from my Samsung Galaxy smartphone.",
    "dashes": "Да\n-- \nИван Петров\nООО «Ромашка»\n+7 912 345-67-89",
}


@pytest.mark.parametrize("name", REPLIES)
def test_only_the_answer_is_left(name: str) -> None:
    assert new_text(read_plain(REPLIES[name])) == "Да"


KEPT = {
    "a bare introduction": "Добрый день. Менеджер пишет:\nстол будет завтра. Это правда?",
    "somebody said": "Мой муж написал:\nнужен шкаф.\nА я хочу комод.",
    "a time and a place": "Встречаемся 05.04.2024 в 12:30, адрес пришлите на info@example.ru:\nТверь",
    "a freight order": "From: Moscow\nTo: Kazan\nDate: 5 May 2024\nWeight: 3 tons\nPlease quote.",
    "an appointment": "Date: Wednesday 3, October\nTime: 7:00\nAddress: 130 Fox St\n\nPlease bring your ID.",
    "sent by post": "Отправлено из Москвы вчера, трек 80082.\nКогда придёт?",
    "a dash in a sentence": "Стол -- это хорошо.\nА стул -- нет.",
    "a polite end with a telephone": "Жду звонка.\n\nС уважением, Иван\n+7 912 345-67-89",
    "questions": "Сколько стоит:\n1. стол\n2. стул",
}


@pytest.mark.parametrize("name", KEPT)
def test_nothing_is_cut_that_only_looks_like_a_quote(name: str) -> None:
    assert new_text(read_plain(KEPT[name])) == KEPT[name]


@pytest.mark.parametrize(
    "marker",
    [
        "---------- Forwarded message ---------",
        "-------- Пересылаемое сообщение --------",
        "-------- Перенаправленное сообщение --------",
        "Начало переадресованного сообщения:",
        "Begin forwarded message:",
    ],
)
def test_what_is_forwarded_is_what_the_person_sends(marker: str) -> None:
    text = f"Посмотрите\n\n{marker}\nОт: Пётр <p@example.com>\nДата: пт, 5 апр. 2024 г.\nТема: Шкаф\n\nНужен шкаф"
    assert new_text(read_plain(text)) == text


def test_headers_below_a_forwarding_subject_introduce_what_is_sent() -> None:
    text = (
        "К вам.\n\nОт: Пётр <p@example.com>\n"
        "Отправлено: 4 апреля 2024 г. 18:20\nКому: Анна\nТема: Шкаф\n\nНужен шкаф"
    )
    assert new_text(read_plain(text), forwarded=True) == text
    assert new_text(read_plain(text), forwarded=False) == "К вам."


@pytest.mark.parametrize(
    ("subject", "forwards"),
    [
        ("Fwd: шкаф", True),
        ("FW: шкаф", True),
        ("Пересл: шкаф", True),
        ("Re: Fwd: шкаф", False),
        ("шкаф", False),
    ],
)
def test_a_subject_tells_a_forward_from_an_answer_to_one(subject: str, forwards: bool) -> None:
    assert is_forward(subject) is forwards


def test_answers_between_the_quotes_are_all_kept() -> None:
    text = "On 05/04/2024 10:15, Sales wrote:\n> Which wood?\n\nOak.\n\n> Delivery?\n\nYes, to Tver."
    assert new_text(read_plain(text)) == "Oak.\n\nYes, to Tver."


@pytest.mark.parametrize(
    "quote",
    [
        (
            '<div class="gmail_quote"><div class="gmail_attr">какой-то новый язык, 12:34 2024 &lt;a@b.ru&gt; xyz:</div>'
            '<blockquote class="gmail_quote">старое</blockquote></div>'
        ),
        '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>Xyz:</b> a@b.ru</div><div>старое</div>',
        (
            '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3pt 0cm"><p><b>Xyz:</b> A</p></div>'
            "<p>старое</p>"
        ),
        '<blockquote type="cite">старое</blockquote>',
        (
            '<blockquote style="border-left:1px solid #0857A6; margin:10px;">Пятница, 5 апреля 2024, 12:34 +03:00 от '
            "Иван &lt;ivan@mail.ru&gt;:<br>старое</blockquote>"
        ),
        '<div class="yahoo_quoted">старое</div>',
    ],
)
def test_the_structure_of_html_marks_quotes_in_any_language(quote: str) -> None:
    assert new_text(read_html(f"<body><div>Да</div><br>{quote}</body>")) == "Да"


def test_what_cannot_be_seen_in_html_is_not_read() -> None:
    html = (
        "<html><head><title>t</title><style>p{}</style></head><body><div style='display:none'>preview</div>"
        "<script>alert(1)</script><p hidden>x</p><p>Видно &lt;b&gt;</p><img src='https://t.example/1.gif'></body>"
    )
    assert [line.text for line in read_html(html) if line.text] == ["Видно <b>"]


def test_tables_lists_and_links_stay_readable() -> None:
    html = (
        "<table><tr><td><p>Стол</p></td><td><p>48 000</p></td></tr><tr><td>Стул</td><td>9 000</td></tr></table>"
        "<ol><li>раз<li>два</ol><p>см. <a href='https://example.ru/k'>каталог</a></p>"
    )
    assert [line.text for line in read_html(html) if line.text] == [
        "Стол  48 000",
        "Стул  9 000",
        "1. раз",
        "2. два",
        "см. каталог (https://example.ru/k)",
    ]


_LINES = st.sampled_from(
    [line for text in [*REPLIES.values(), *KEPT.values()] for line in text.split("\n")]
    + ["> a", ">> b", "", "-- ", "____________", "Отправлено с iPhone", "x" * 400]
)


@given(st.lists(_LINES, max_size=30), st.booleans())
def test_taking_the_new_part_twice_changes_nothing(lines: list[str], forwarded: bool) -> None:
    once = new_text(read_plain("\n".join(lines)), forwarded=forwarded)
    assert new_text(read_plain(once), forwarded=forwarded) == once


@given(st.text(max_size=400))
def test_any_html_is_read(html: str) -> None:
    new_text(read_html(html))
    new_text(read_html(f"<div><blockquote type=cite>{html}<p>"))
