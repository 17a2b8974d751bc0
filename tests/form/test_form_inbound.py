"""A site form as a message: whoever built the form, the person, the wish and the way back are found."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.form.decoding import MAX_BODY, MAX_FIELDS, MAX_VALUE
from channels.form.inbound import UploadedFile, describe, normalise, normalise_again, normalise_fields
from core.channel import Ignored, InboundMessage, Received
from core.errors import InvalidInput

NOW = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"


def posted(form: object, **headers: str) -> Received:
    return normalise(json.dumps(form).encode(), JSON, NOW, **headers)


def understood(received: Received) -> InboundMessage:
    assert isinstance(received.understood, InboundMessage)
    return received.understood


def message(form: object) -> InboundMessage:
    return understood(posted(form))


def addresses(of: InboundMessage) -> list[str]:
    return [address.key for address in of.sender.addresses]


def test_an_ordinary_form_finds_person_wish_and_way_back() -> None:
    form = message(
        {
            "name": "Ольга Смирнова",
            "phone": "8 (921) 555-12-34",
            "email": "Olga@Yandex.ru",
            "message": "Сколько стоит доставка?",
            "company": "ООО «Ель»",
            "utm_source": "yandex",
            "utm_medium": "cpc",
            "page": "https://shop.ru/dveri",
            "rooms": 3,
            "agree": True,
        }
    )
    assert form.sender.name == "Ольга Смирнова"
    assert addresses(form) == ["email:olga@yandex.ru", "phone:+79215551234"]
    assert not any(address.proved for address in form.sender.addresses)
    assert form.thread == "phone:+79215551234 ольга смирнова"
    assert form.text == "Сколько стоит доставка?"
    assert form.source == "yandex / cpc"
    assert list(form.fields.items()) == [
        ("company", "ООО «Ель»"),
        ("utm_source", "yandex"),
        ("utm_medium", "cpc"),
        ("page", "https://shop.ru/dveri"),
        ("rooms", "3"),
        ("agree", "true"),
    ]


def test_without_a_message_the_answers_are_the_text_in_their_order() -> None:
    form = message(
        {"Город": "Казань", "Телефон": "89215551234", "Согласие на обработку": "да", "utm_source": "vk"}
    )
    assert form.text == "Город: Казань\nТелефон: 89215551234"
    assert form.fields["Согласие на обработку"] == "да"


BUILDERS = {
    "tilda": urlencode(
        {
            "Name": "Ольга",
            "Phone": "+7 (921) 555-12-34",
            "Textarea": "Жду звонка",
            "tranid": "1234567:890",
            "formid": "form99",
            "COOKIES": "_ga=1; TILDAUTM=" + quote("utm_source=yandex|||utm_medium=cpc|||"),
        }
    ),
    "contact form 7": urlencode(
        {
            "_wpcf7": "5",
            "_wpcf7_unit_tag": "x",
            "your-name": "Ольга",
            "tel-41": "89215551234",
            "your-message": "Жду звонка",
            "utm_source": "yandex",
            "utm_medium": "cpc",
            "g-recaptcha-response": "03AF",
        }
    ),
    "elementor": urlencode(
        {
            "form[id]": "5e",
            "form[name]": "Заявка",
            "fields[name][id]": "name",
            "fields[name][type]": "text",
            "fields[name][title]": "Имя",
            "fields[name][value]": "Ольга",
            "fields[name][required]": "1",
            "fields[f1][title]": "Телефон",
            "fields[f1][value]": "89215551234",
            "fields[message][title]": "Сообщение",
            "fields[message][value]": "Жду звонка",
            "meta[page_url][title]": "Page URL",
            "meta[page_url][value]": "https://shop.ru/?utm_source=yandex&utm_medium=cpc",
        }
    ),
    "bitrix24": urlencode(
        {
            "FIELDS[NAME]": "Ольга",
            "FIELDS[PHONE][0][VALUE]": "+79215551234",
            "FIELDS[PHONE][0][VALUE_TYPE]": "WORK",
            "FIELDS[COMMENTS]": "Жду звонка",
            "FIELDS[UTM_SOURCE]": "yandex",
            "FIELDS[UTM_MEDIUM]": "cpc",
        }
    ),
    "jotform": urlencode(
        {
            "formID": "1",
            "submissionID": "55",
            "username": "owner",
            "rawRequest": json.dumps(
                {
                    "q1_name": {"first": "Ольга", "last": ""},
                    "q2_phoneNumber": {"area": "921", "phone": "5551234"},
                    "q3_message": "Жду звонка",
                    "utm_source": "yandex",
                    "utm_medium": "cpc",
                }
            ),
        }
    ),
    "marquiz": json.dumps(
        {
            "answers": [{"q": "Сообщение", "a": "Жду звонка"}],
            "name": "Ольга",
            "phone": "8 921 555 12 34",
            "extra": {"utm": {"source": "yandex", "medium": "cpc"}, "href": "https://q.ru"},
            "quiz": {"id": "1", "name": "Двери"},
        }
    ),
    "google": json.dumps(
        {
            "lead_id": "L1",
            "google_key": "very-secret",
            "user_column_data": [
                {"column_name": "Full Name", "string_value": "Ольга", "column_id": "FULL_NAME"},
                {"column_name": "Ihre Nummer", "string_value": "+79215551234", "column_id": "PHONE_NUMBER"},
                {"column_name": "Comments", "string_value": "Жду звонка", "column_id": "q"},
                {"column_id": "utm_source", "string_value": "yandex"},
                {"column_id": "utm_medium", "string_value": "cpc"},
            ],
        }
    ),
    "names and values": json.dumps(
        [
            {"name": "Ваше имя *", "value": "Ольга"},
            {"name": "Контактный телефон", "value": "8-921-555-12-34"},
            {"name": "Комментарий", "value": "Жду звонка"},
            {"name": "utm_source", "value": "yandex"},
            {"name": "utm_medium", "value": "cpc"},
        ]
    ),
}


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_forms_of_well_known_builders_are_understood_alike(builder: str) -> None:
    body = BUILDERS[builder]
    received = normalise(body.encode(), JSON if body[0] in "[{" else URLENCODED, NOW)
    form = understood(received)
    assert form.sender.name == "Ольга"
    assert addresses(form) == ["phone:+79215551234"]
    assert form.text == "Жду звонка"
    assert form.source == "yandex / cpc"
    assert "very-secret" not in str(form)
    assert "03AF" not in str(form)


@pytest.mark.parametrize(
    ("name", "phone", "wish"),
    [
        ("imya", "telefon", "soobshchenie"),
        ("Как к вам обращаться?", "Номер для связи", "Ваше обращение"),
        ("Имя", "telefon_klienta", "Опишите задачу"),
        ("Ваше имя", "nomer_telefona", "Задайте свой вопрос"),
        ("Name", "Phone", "Comment or Message"),
    ],
)
def test_hand_made_forms_are_understood_as_their_makers_name_things(name: str, phone: str, wish: str) -> None:
    form = message({name: "Ольга", phone: "921 555 12 34", wish: "Жду звонка"})
    assert (form.sender.name, addresses(form), form.text) == ("Ольга", ["phone:+79215551234"], "Жду звонка")
    assert message({name: "Ольга", wish: "Жду звонка"}).text == "Жду звонка"


def test_the_parts_of_a_name_are_put_together() -> None:
    assert message({"first_name": "Anna", "last_name": "Lee", "tel": "1"}).sender.name == "Anna Lee"
    assert (
        message({"Имя": "Анна", "Отчество": "Петровна", "Фамилия": "Ли", "tel": "1"}).sender.name
        == "Анна Петровна Ли"
    )
    assert message({"product": {"name": "Дверь"}, "tel": "1"}).sender.name == ""
    assert message({"form": {"name": "Заявка"}, "lead": {"name": "Анна"}, "tel": "1"}).sender.name == "Анна"


def test_fields_without_names_are_told_by_their_values() -> None:
    form = message({"input_1": "Анна", "input_2": "+7 921 555 12 34", "input_3": "2 комнаты"})
    assert addresses(form) == ["phone:+79215551234"]


def test_one_telephone_in_the_message_is_a_way_back_and_two_are_not() -> None:
    assert addresses(message({"message": "Наберите 8 921 555-12-34"})) == ["phone:+79215551234"]
    two = message({"message": "Наберите 8 921 555-12-34 или 8 921 555-12-35"})
    assert [address.kind for address in two.sender.addresses] == ["form"]


def test_several_numbers_and_an_extension_lose_nothing() -> None:
    form = message({"phone": "8 (495) 662-12-34 доб. 5, 8 921 555-12-34"})
    assert addresses(form) == ["phone:+74956621234", "phone:+79215551234"]
    assert form.fields["phone"] == "8 (495) 662-12-34 доб. 5, 8 921 555-12-34"


def test_a_mistyped_telephone_still_becomes_an_enquiry() -> None:
    form = message({"Телефон": "8921555"})
    assert form.fields == {"Телефон": "8921555"}
    assert form.text == "Телефон: 8921555"


@pytest.mark.parametrize("written", ["@olga_sm", "t.me/olga_sm", "https://t.me/olga_sm", "olga_sm"])
def test_a_telegram_name_is_kept_as_a_name(written: str) -> None:
    assert message({"telegram": written}).fields == {"telegram": "@olga_sm"}


def test_json_that_curl_or_php_calls_urlencoded_is_read_as_what_it_is() -> None:
    form = understood(normalise(b' {"tel": "89215551234", "message": "a=b&c"}', URLENCODED, NOW))
    assert (addresses(form), form.text) == (["phone:+79215551234"], "a=b&c")
    with pytest.raises(InvalidInput, match="not JSON"):
        normalise(b'{"message": a=b&c}', URLENCODED, NOW)


def test_windows_1251_of_an_old_site_is_read() -> None:
    body = "name=Пётр&message=Добрый день&phone=89215551234".encode("cp1251")
    form = understood(normalise(body, URLENCODED, NOW))
    assert (form.sender.name, form.text) == ("Пётр", "Добрый день")
    escaped = "name=" + quote("Пётр", encoding="cp1251") + "&tel=1"
    assert understood(normalise(escaped.encode(), URLENCODED, NOW)).sender.name == "Пётр"


@pytest.mark.parametrize("content_type", [JSON, JSON + "; charset=utf-8", JSON + "; charset=nonsense"])
def test_the_mark_some_editors_put_before_utf_8_is_no_part_of_the_form(content_type: str) -> None:
    body = (
        b"\xef\xbb\xbf" + json.dumps({"name": "Анна", "message": "Здравствуйте"}, ensure_ascii=False).encode()
    )
    assert understood(normalise(body, content_type, NOW)).text == "Здравствуйте"


def test_ticked_boxes_of_one_question_stand_together() -> None:
    body = "tel=1&" + urlencode([("Услуги[]", "монтаж"), ("Услуги[]", "замер")])
    assert understood(normalise(body.encode(), URLENCODED, NOW)).fields["Услуги"] == "монтаж, замер"


def test_a_filled_trap_is_a_machine_and_an_empty_one_is_not() -> None:
    assert posted({"phone": "89215551234", "_gotcha": "x"}).understood == Ignored("honeypot")
    assert message({"phone": "89215551234", "_gotcha": " "}).sender.addresses
    caught = normalise(b"tel=1&website=http://x", URLENCODED, NOW, honeypots=("website",))
    assert caught.understood == Ignored("honeypot")


def test_tilda_asks_whether_anybody_is_there() -> None:
    assert normalise(b"test=test", URLENCODED, NOW).understood == Ignored("handshake")


def test_the_same_click_has_the_same_id_and_tokens_do_not_matter() -> None:
    form = {"message": "Привет"}
    first = posted(form)
    assert first.external_id.startswith("click:")
    assert posted(form | {"_token": "a1", "g-recaptcha-response": "z"}).external_id == first.external_id
    assert posted({"message": "Привет!"}).external_id != first.external_id


def test_an_idempotency_key_decides_before_the_builders_number_and_the_time() -> None:
    form = {"message": "a", "tranid": "1:2"}
    keyed = posted(form, idempotency_key="k1")
    assert keyed.external_id == posted(form | {"_token": "x"}, idempotency_key="k1").external_id
    assert keyed.external_id != posted(form, idempotency_key="k2").external_id
    assert keyed.external_id.startswith("key:")
    assert "k1" not in keyed.external_id
    numbered = posted({"message": "a", "tranid": "1:2"})
    assert numbered.external_id == posted({"message": "b", "tranid": "1:2"}).external_id
    assert numbered.external_id.startswith("submission:")


def test_two_strangers_with_the_same_words_are_two_people() -> None:
    body = json.dumps({"message": "Привет"}).encode()
    one = understood(normalise(body, JSON, NOW))
    other = understood(normalise(body, JSON, NOW + timedelta(days=30)))
    assert one.sender.addresses[0].kind == "form"
    assert one.thread != other.thread


def test_the_same_name_goes_on_in_its_conversation_and_another_begins_one() -> None:
    first = message({"name": "Пётр Ильин", "tel": "8 916 123-45-67", "email": "p@example.org"})
    assert message({"fio": " петр  ильин", "phone": "+79161234567"}).thread == first.thread
    assert message({"name": "Ольга", "tel": "89161234567"}).thread != first.thread
    assert message({"tel": "89161234567"}).thread == "phone:+79161234567"


def test_the_headers_tell_the_page_and_the_language() -> None:
    form = understood(
        posted({"tel": "1"}, referer="https://shop.ru/?utm_source=vk", accept_language="en-GB,en;q=0.9")
    )
    assert form.fields["page"] == "https://shop.ru/?utm_source=vk"
    assert form.source == "vk"
    assert form.sender.language == "en-GB"


def test_what_a_stranger_types_cannot_break_a_line_or_turn_the_text_round() -> None:
    form = message(
        {"name": "Иван\r\nBcc: x\x00\u202e", "message": "a\x07b\ud800c\u2028d", "\u202ekey\n": "v"}
    )
    assert form.sender.name == "Иван Bcc: x"
    assert form.text == "abc\nd"
    assert form.fields == {"key": "v"}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "field", "telling"),
    [
        (b'{"name" "x"}', JSON, 400, "body", "line 1 column 9"),
        (b'{"name":\n[1 2]}', JSON, 400, "body", "line 2 column 4"),
        (b'"text"', JSON, 400, "body", "object or a list"),
        (b"[" * 100_000, JSON, 400, "body", "nested deeper"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, JSON, 400, "a.a.a", "nested deeper"),
        (b'{"n":' + b"9" * 5_000 + b"}", JSON, 400, "body", "not JSON"),
        (b"<xml/>", "application/xml", 415, "Content-Type", "application/json"),
        (b"hello", "", 415, "Content-Type", "missing"),
        (b"{}", JSON, 422, "message", "phone"),
        (b"", URLENCODED, 422, "message", "phone"),
        (b'{"name": "Anna"}', JSON, 422, "message", "phone"),
        (b"x" * (MAX_BODY + 1), JSON, 413, "body", "longer"),
        (b"message=" + b"x" * (MAX_VALUE + 1), URLENCODED, 413, "message", "longer"),
        (b"&".join(b"f%d=1" % i for i in range(MAX_FIELDS + 1)), URLENCODED, 413, "f200", "more than 200"),
    ],
)
def test_a_web_developer_is_told_what_to_mend(
    body: bytes, content_type: str, status: int, field: str, telling: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        normalise(body, content_type, NOW)
    assert refused.value.status == status
    assert refused.value.field.startswith(field)
    assert telling in refused.value.reason


def test_a_parked_form_is_read_again_from_its_raw_bytes() -> None:
    received = posted({"tel": "1", "message": "Привет"}, idempotency_key="k", referer="https://a.ru\r\nX: y")
    assert normalise_again(received.raw, NOW) == received
    file = UploadedFile("f", "../../план\u202e.pdf", "application/pdf", "ab" * 32, 4)
    with_file = normalise_fields([("lead[phone]", "89215551234")], [file], NOW)
    assert normalise_again(with_file.raw, NOW) == with_file


def test_a_file_is_named_without_a_path_and_is_enough_for_an_enquiry() -> None:
    file = UploadedFile("f", "C:\\docs\\..\\план.jpg", "image/jpeg", "ab" * 32, 4)
    form = understood(normalise_fields([("name", "Анна")], [file], NOW))
    assert [(f.kind, f.name, f.stored, f.size) for f in form.files] == [("photo", "план.jpg", "ab" * 32, 4)]
    assert form.text == "name: Анна"


def test_a_saved_post_is_described_without_being_told_what_it_is() -> None:
    shown = describe(json.dumps({"name": "Анна", "tel": "8 921 555 12 34"}).encode())
    assert (shown["kind"], shown["name"], shown["phone"]) == ("message", "Анна", ["+79215551234"])
    assert describe(b"test=test")["kind"] == "ignored"
    assert describe(b'{"a": 1}')["error"] == f"422 message: {_reason(b'{}')}"


def _reason(body: bytes) -> str:
    with pytest.raises(InvalidInput) as refused:
        normalise(body, JSON, NOW)
    return refused.value.reason


content_types = st.sampled_from(
    [JSON, URLENCODED, "", "text/plain", URLENCODED + "; charset=utf-16", "a/b+json"]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
names = st.sampled_from(["name", "phone", "message", "value", "q", "title", "fields", "utm", "first", "full"])
forms = st.recursive(
    leaves,
    lambda below: (
        st.lists(below, max_size=4) | st.dictionaries(names | st.text(max_size=8), below, max_size=5)
    ),
)
pieces = st.lists(
    st.sampled_from([b"a", b"[", b"]", b"=", b"&", b"%", b"%D0", b"phone", b"rawRequest={", b"\xff", b"8"])
)


def _taken(body: bytes, content_type: str) -> Received | InvalidInput:
    try:
        return normalise(body, content_type, NOW)
    except InvalidInput as refused:
        return refused


def _is_read_or_refused(body: bytes, content_type: str) -> None:
    taken = _taken(body, content_type)
    if isinstance(taken, InvalidInput):
        assert taken.field.isprintable()
        assert 400 <= taken.status < 500
        return
    assert normalise_again(taken.raw, NOW).understood == taken.understood
    if isinstance(taken.understood, InboundMessage):
        shown = taken.understood
        assert shown.text
        for text in (
            shown.text,
            shown.sender.name,
            shown.subject or "",
            *shown.fields,
            *shown.fields.values(),
        ):
            text.encode()
            assert not set(text) & set("\x00\x1f\u202e\r")


@given(st.binary(max_size=300) | pieces.map(b"".join), content_types)
@settings(max_examples=100)
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    _is_read_or_refused(body, content_type)


@given(forms)
@settings(max_examples=100)
def test_any_json_is_read_or_refused(form: object) -> None:
    _is_read_or_refused(json.dumps(form).encode(), JSON)
