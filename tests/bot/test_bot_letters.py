"""Letters in the managers' bot: the whole program, a real SMTP server, letters that come in over SMTP."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import itertools
import smtplib
import unicodedata
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.letterheads import COPIES, LONGEST_SUBJECT, Letterhead, with_letterhead
from core.channel import Markup, Span
from core.errors import Refusal
from core.leads.answering import Draft
from openlines.application import Program
from openlines.settings import Email
from sandbox.messages import Message
from sandbox.telegram import TelegramSandbox
from tests.bot.programs import ADMIN, FORM_KEY, LINE_TOKEN, HurriedClock, Story, a_story, running
from tests.mail.mail_line import ADDRESS, OLGA, a_letter
from tests.mail.test_correspondence import a_report
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.timeout(120)

QUOTED = "\n\n16.03.2026 10:00, Ромашка пишет:\n> Добрый день!\n> Цена 100 рублей"


def a_mailbox(smtp: SmtpServer) -> Email:
    return Email(
        address=ADDRESS, name="Ромашка", listen="smtp://127.0.0.1:0", smtp_url=SecretStr(smtp.url), verp=False
    )


class Post:
    """Letters in both directions, as the customer's side of the world sees them."""

    def __init__(self, program: Program, smtp: SmtpServer) -> None:
        self._program, self._smtp = program, smtp
        self._ids = itertools.count(1)

    async def brings(self, text: str, *, sender: str = f"Ольга <{OLGA}>", **about: Any) -> None:
        """A letter arrives."""
        await self._deliver(
            a_letter(text, sender=sender, message_id=f"<{next(self._ids)}@example.net>", **about)
        )

    async def brings_back(self, letter: EmailMessage) -> None:
        """The customer's mail server says that there is nobody under the address."""
        await self._deliver(a_report(letter, "5.1.1", "550 5.1.1 User unknown"))

    async def _deliver(self, content: bytes) -> None:
        port = await self._listening()

        def deliver() -> None:
            with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
                client.sendmail(OLGA, [ADDRESS], content)

        await asyncio.to_thread(deliver)

    async def _listening(self) -> int:
        for _ in range(1000):
            if (letters := self._program.letters) is not None and letters.listener is not None:
                with contextlib.suppress(RuntimeError):  # not yet
                    return letters.listener.port
            await asyncio.sleep(0.02)
        raise TimeoutError("no letters are taken")

    async def took(self, text: str) -> EmailMessage:
        """The letter of ours with this in its text, as soon as it is out."""
        for _ in range(1000):
            for one in self._smtp.letters:
                letter = parsed(one.content)
                if text in words(letter):
                    letter["X-Envelope"] = ", ".join(one.recipients)
                    return letter
            await asyncio.sleep(0.02)
        raise TimeoutError(f"no letter with {text!r} among {len(self._smtp.letters)}")


def parsed(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


def words(letter: EmailMessage) -> str:
    part = letter.get_body(("plain",))
    return str(part.get_content()) if part is not None else ""


def names(letter: EmailMessage) -> list[str | None]:
    return [part.get_filename() for part in letter.iter_attachments()]


def labels(message: Message) -> list[str]:
    return [button.text for row in message.buttons for button in row]


@pytest.fixture
async def story(folder: Path, smtp_server: SmtpServer) -> AsyncIterator[Story]:
    """A line with a mailbox."""
    async with a_story(folder, email=a_mailbox(smtp_server)) as told:
        yield told


@pytest.fixture
def post(story: Story, smtp_server: SmtpServer) -> Post:
    return Post(story.program, smtp_server)


async def from_the_site(story: Story, **fields: str) -> None:
    url = f"http://127.0.0.1:{story.program.port}/lines/main/form?key={FORM_KEY}"
    async with aiohttp.ClientSession() as http, http.post(url, json=fields) as answer:
        assert answer.status == 202


async def test_a_letter_is_a_card_its_answer_a_letter_and_the_whole_of_it_one_tap_away(
    story: Story, post: Post
) -> None:
    admin, staff = story.admin, story.staff
    await post.brings(
        f"Сколько стоит доставка? /away{QUOTED}", subject="Доставка", files={"план.pdf": b"%PDF"}
    )
    card = await admin.sees(staff, "🆕 Новый лид № 1")
    assert "Доставка\n📎 Файл: план.pdf\nСколько стоит доставка?" in card.text
    assert "Цена 100" not in card.text
    await admin.taps(card, "Всё письмо")
    whole = await admin.sees(staff, "> Цена 100 рублей")
    assert whole.text.startswith("✉️ Доставка\nОльга, ")
    assert not whole.marked("bot_command")
    await admin.writes(staff, "От 500 рублей", reply_to=whole)
    answer = await post.took("От 500 рублей")
    assert answer["Subject"] == "Re: Доставка"
    assert answer["In-Reply-To"] == "<1@example.net>"
    line = await admin.sees(staff, "✓ Отправлено")
    assert f"Кому: {OLGA}\nТема: Доставка\nЛид № 1 теперь ваш" in line.text

    thread = {"subject": "Re: Доставка", "In_Reply_To": answer["Message-ID"]}
    await post.brings("Меня нет до пятницы", **thread, Auto_Submitted="auto-replied")
    await post.brings("А можно в среду?", sender="Пётр <petr@example.net>", **thread)
    relayed = await admin.sees(staff, "А можно в среду?")
    assert "👥 Пётр <petr@example.net>, только что · пишет не клиент" in relayed.text
    assert "🤖 Ольга, только что · автоматическое письмо\nRe: Доставка\nМеня нет" in relayed.text
    await admin.writes(staff, "Тема: Среда\nКопия: petr@example.net\n\nМожно", reply_to=relayed)
    second = await post.took("Можно")
    assert (second["Subject"], second["To"], second["Cc"]) == ("Среда", OLGA, "petr@example.net")
    assert words(second).strip() == "Можно"


async def test_an_answer_by_letter_gets_another_subject_and_copies_by_button_also_after_a_restart(
    tmp_path: Path, smtp_server: SmtpServer
) -> None:
    clock, mailbox = HurriedClock(), a_mailbox(smtp_server)
    async with TelegramSandbox(now=clock.now) as telegram:
        bot, admin = telegram.add_bot(LINE_TOKEN, "line_bot"), telegram.person(ADMIN, "Ирина")
        async with running(tmp_path, telegram, clock, email=mailbox) as program:
            await admin.starts(bot)
            await admin.sees(bot, "Вы администратор", timeout=20)
            await Post(program, smtp_server).brings("Добрый день", subject="Вопрос")
            card = await admin.sees(bot, "Новый лид")
            await admin.taps(card, "Ответить")
            question = await admin.sees(bot, "Ответ письмом: Ольга, лид № 1")
            assert f"Кому: {OLGA}\nТема: Вопрос" in question.text
            await admin.taps(question, "Тема")
            asked = await admin.sees(bot, "Какая тема у письма?")
            assert labels(asked) == ["Оставить «Вопрос»", "Отмена"]
        async with running(tmp_path, telegram, clock, email=mailbox) as program:
            await admin.writes(bot, "Новый\u2028расчёт")
            question = await admin.sees(bot, "Тема: Новый расчёт", timeout=20)
            await admin.taps(question, "Копия")
            await admin.sees(bot, "Кому отправить копию?")
            wrong = await admin.writes(bot, "босс")
            refused = await admin.sees(bot, "«босс» не похоже на адрес почты", after=wrong)
            await admin.writes(bot, "boss@example.net; Анна <anna@почта.рф>", reply_to=asked)
            await admin.sees(bot, "никому не ушёл", after=refused)  # that question is answered already
            await admin.writes(bot, "boss@example.net; Анна <anna@почта.рф>")
            question = await admin.sees(bot, "Копия: boss@example.net, anna@почта.рф", after=refused)
            await admin.sends(bot, "document", data=b"PDF", name="цены.pdf", caption="Вот", reply_to=question)
            letter = await Post(program, smtp_server).took("Вот")
            assert (letter["Subject"], letter["X-Envelope"].split(", ")) == (
                "Новый расчёт",
                [OLGA, "boss@example.net", "anna@xn--80a1acny.xn--p1ai"],
            )
            assert names(letter) == ["цены.pdf"]
            assert (await admin.taps(card, "История")).text == ""


async def test_a_letter_is_begun_from_the_card_of_somebody_who_came_by_the_site(
    tmp_path: Path, database_url: str, smtp_server: SmtpServer
) -> None:
    mailbox = a_mailbox(smtp_server)
    async with a_story(tmp_path, database_url=database_url, email=mailbox) as story:
        await _begins_a_letter(story, Post(story.program, smtp_server))


async def _begins_a_letter(story: Story, post: Post) -> None:
    admin, staff = story.admin, story.staff
    await from_the_site(story, name="Анна", email="anna@example.org", message="Перезвоните")
    card = await admin.sees(staff, "Новый лид № 1")
    await admin.taps(card, "✉️ Письмо")
    asked = await admin.sees(staff, "Какая тема у письма?")
    await admin.taps(asked, "Отмена")
    lost = await admin.writes(staff, "Не письмо")
    await admin.sees(staff, "никому не ушло", after=lost)
    await admin.writes(staff, "/write № 1")
    await admin.sees(staff, "Какая тема у письма?", after=lost)
    await admin.writes(staff, "Ваша заявка")
    question = await admin.sees(staff, "Новое письмо: Анна, лид № 1\nКому: anna@example.org")
    caption = "Копия: boss@example.net\n\nНаши работы"
    await admin.sends_album(staff, [b"1", b"2", b"3"], caption=caption)
    letter = await post.took("Наши работы")
    assert (letter["Subject"], letter["To"], letter["Cc"]) == (
        "Ваша заявка",
        "anna@example.org",
        "boss@example.net",
    )
    assert names(letter) == ["photo.jpg", "photo-2.jpg", "photo-3.jpg"]
    line = await admin.sees(staff, "✓ Отправлено")
    assert "Тема: Ваша заявка\nКопия: boss@example.net\nЛид № 1 теперь ваш" in line.text
    assert labels(question) == []
    await story.telegram.until(lambda: "Ваш лид" in card.text)  # nobody tapped it
    await post.brings(
        "Спасибо!",
        sender="Анна <anna@example.org>",
        subject="Re: Ваша заявка",
        In_Reply_To=letter["Message-ID"],
    )
    relayed = await admin.sees(staff, "Спасибо!")
    assert relayed.text.startswith("💬 Лид № 1 · Анна, почта")


async def test_who_began_a_letter_to_whom_a_colleague_has_answered_since_is_told_and_decides(
    story: Story, post: Post, smtp_server: SmtpServer
) -> None:
    boris = await story.manager(101, "Борис")
    await from_the_site(story, name="Анна", email="anna@example.org", message="Перезвоните")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    begun = await boris.writes(story.staff, "/write 1")
    await boris.sees(story.staff, "Какая тема у письма?", after=begun)
    await boris.writes(story.staff, "Цена")
    await boris.sees(story.staff, "Новое письмо: Анна, лид № 1")
    await story.admin.writes(story.staff, "Сто тысяч", reply_to=card)
    await post.took("Сто тысяч")
    no = await story.answer(boris, await boris.writes(story.staff, "Двести тысяч"))
    assert no.text == "Лид № 1 уже ведёт Ирина."
    now = await story.answer(boris, no)
    assert "Сто тысяч" in now.text
    again = await boris.writes(story.staff, "/write 1")
    await boris.sees(story.staff, "Какая тема у письма?", after=again)
    await boris.writes(story.staff, "Доставка")
    asked = await boris.sees(story.staff, "Новое письмо: Анна, лид № 1", after=again)
    assert "Тема: Доставка" in asked.text
    await boris.writes(story.staff, "И ещё пять за доставку")
    await post.took("за доставку")
    assert not [one for one in smtp_server.letters if "Двести" in words(parsed(one.content))]


async def test_who_replies_to_the_card_while_the_head_of_a_letter_is_asked_for_is_asked_for_whom(
    story: Story, post: Post
) -> None:
    await from_the_site(story, name="Анна", email="anna@example.org", message="Перезвоните")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    await story.admin.taps(card, "✉️ Письмо")
    await story.admin.sees(story.staff, "Какая тема у письма?")
    sent = await story.admin.writes(story.staff, "Цена для жадных", reply_to=card)
    assert "Никому не ушло" in (await story.answer(story.admin, sent)).text
    await story.admin.writes(story.staff, "Кухня")
    question = await story.admin.sees(story.staff, "Новое письмо: Анна, лид № 1")
    await story.admin.taps(question, next(one for one in labels(question) if "опи" in one))
    await story.admin.sees(story.staff, "копи", after=question)
    sent = await story.admin.writes(story.staff, "boss@example.net", reply_to=card)
    assert "Никому не ушло" in (await story.answer(story.admin, sent)).text


async def test_where_no_letter_can_go_is_said_before_one_is_written(
    story: Story, post: Post, smtp_server: SmtpServer
) -> None:
    admin, staff = story.admin, story.staff

    async def told(text: str) -> str:
        return (await story.answer(admin, await admin.writes(staff, text))).text

    anna = story.telegram.person(777, "Анна")
    await anna.writes(story.line, "Здравствуйте")
    await admin.sees(staff, "Новый лид № 1")
    assert await told("/write 1") == "У клиента из лида № 1 нет адреса почты."
    assert await told("/write 99") == "Такого лида нет."
    assert await told("/write") == "Кому написать? Пришлите номер лида, например: 12"
    assert await told("№ 1") == "У клиента из лида № 1 нет адреса почты."
    assert "/write" in await told("/help")

    await post.brings("Добрый день")
    card = await admin.sees(staff, "Новый лид № 2")
    await admin.writes(staff, "Здравствуйте, Ольга", reply_to=card)
    letter = await post.took("Здравствуйте, Ольга")
    await admin.writes(staff, "/exclude @rival.example")
    await admin.sees(staff, "@rival.example в списке")
    await admin.writes(staff, "Копия: spy@rival.example\nЦены внутри", reply_to=card)
    await admin.sees(staff, "spy@rival.example в списке исключений")
    await post.brings_back(letter)
    notice = await admin.sees(staff, "Лид № 2: не доставлено")
    assert "Письмо вернулось: такого адреса нет (olga@example.net 5.1.1)" in notice.text
    assert await told("/write 2") == (
        "Письма на olga@example.net возвращаются, поэтому туда больше не пишем. "
        "Спросите у клиента другой адрес."
    )
    sent = await admin.writes(staff, "Ещё раз", reply_to=card)
    assert "письма на его адрес возвращаются" in (await story.answer(admin, sent)).text

    await told(f"/exclude {OLGA}")
    assert "Человек из лида № 2 в списке исключений" in await told("/write 2")
    assert len(await asyncio.to_thread(smtp_server.wait_for, 2)) == 2  # the confirmation and the answer


async def test_without_a_mailbox_nobody_is_offered_to_write_letters(folder: Path) -> None:
    async with a_story(folder) as story:
        await from_the_site(story, name="Анна", email="anna@example.org", message="Перезвоните")
        card = await story.admin.sees(story.staff, "Новый лид № 1")
        assert "✉️ Письмо" not in labels(card)
        refused = await story.answer(story.admin, await story.admin.writes(story.staff, "/write 1"))
        assert refused.text.startswith("У линии нет почтового ящика")


async def test_a_long_letter_comes_in_parts_and_a_very_long_one_as_a_file(story: Story, post: Post) -> None:
    admin, staff = story.admin, story.staff
    lines = "\n".join(f"строка {number} 😀" for number in range(500))
    await post.brings(f"Коротко{QUOTED}\n> {lines}".replace("\nстрока", "\n> строка"), subject="Длинное")
    card = await admin.sees(staff, "Новый лид № 1")
    await admin.taps(card, "Всё письмо")
    last = await admin.sees(staff, "строка 499")
    parts = [m for m in admin.chat(staff) if m.id > card.id]
    assert len(parts) == 2
    assert all(f"> строка {number} 😀" in "\n".join(m.text for m in parts) for number in range(500))
    await admin.writes(staff, "Понятно", reply_to=last)
    assert (await post.took("Понятно"))["In-Reply-To"] == "<1@example.net>"

    await post.brings(f"Ещё\n\n{lines * 3}", sender="Иван <ivan@example.org>", subject="../\u202eочень")
    card = await admin.sees(staff, "Новый лид № 2")
    await admin.taps(card, "Всё письмо")
    file = await story.telegram.until(
        lambda: next((m for m in admin.chat(staff) if m.kind == "document"), None)
    )
    assert file is not None
    assert file.files[0].name == "letter-2.txt"
    assert file.files[0].data.decode("utf-8-sig").count("строка 499") == 3
    await admin.writes(staff, "Прочитали", reply_to=file)
    assert (await post.took("Прочитали"))["To"] == "ivan@example.org"


# --- the lines above a letter --------------------------------------------------------------------

ANY = st.text(st.characters(exclude_categories=[]), max_size=60)


@given(st.lists(st.tuples(st.sampled_from(["Тема: ", "subject:", " Копия:", "CC :", ""]), ANY), max_size=6))
def test_whatever_stands_above_a_letter_no_header_holds_more_than_its_line(
    lines: list[tuple[str, str]],
) -> None:
    text = "\n".join(name + line for name, line in lines)
    try:
        draft = with_letterhead(Draft(text), Letterhead())
    except Refusal:
        return
    assert text.endswith(draft.text)
    subject = draft.subject or "ok"
    assert subject.splitlines() == [subject]
    assert not {unicodedata.category(char) for char in subject} & {"Cc", "Cs", "Zl", "Zp"}
    assert 0 < len(subject) <= LONGEST_SUBJECT
    for copy in draft.cc:
        assert copy.isascii() or "@" in copy
        assert not set(copy) & set("\r\n\x00 ,;<>")


def test_marks_stay_with_their_words_when_the_head_leaves_the_text() -> None:
    text = "Тема: Счёт\n\nровно сто"
    marks = (Span(Markup.BOLD, text.index("сто"), 3), Span(Markup.ITALIC, 0, 4))
    draft = with_letterhead(Draft(text, marks), Letterhead("Прежняя", ("a@example.net",)))
    assert (draft.text, draft.subject, draft.cc) == ("ровно сто", "Счёт", ("a@example.net",))
    assert draft.spans == (Span(Markup.BOLD, 6, 3),)


@pytest.mark.parametrize("text", ["Тема разговора: цена", "Здравствуйте!\nТема: цена", "Темнота: да", ""])
def test_only_lines_above_the_letter_are_its_head(text: str) -> None:
    assert with_letterhead(Draft(text), Letterhead()) == Draft(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Тема:\nтекст", "refused-subject"),
        (f"Тема: {'ы' * (LONGEST_SUBJECT + 1)}", "refused-subject"),
        ("Копия:", "refused-copy"),
        ("Cc: a@example.net, boss", "refused-copy"),
        ("Cc: a@example.net b@", "refused-copy"),
        ("Cc: " + ",".join(f"a{n}@example.net" for n in range(COPIES + 1)), "refused-copies-many"),
    ],
)
def test_a_head_that_is_not_clear_is_refused(text: str, key: str) -> None:
    with pytest.raises(Refusal, match=key):
        with_letterhead(Draft(text), Letterhead())
