from __future__ import annotations

from sandbox.accounts import Bot
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.sandbox.conftest import BotClient


async def test_a_group_has_one_numbering_and_everyone_in_it_is_told(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    other = telegram.add_bot("4200002:TOKEN", "managers_bot")
    group = await telegram.group("Продажи", anna, bot, other)
    await anna.writes(group, "всем привет")
    sent = await client.call("sendMessage", chat_id=group.id, text="и вам")
    assert [message.id for message in group.visible] == [1, 2, 3, 4]
    assert sent["chat"] == {"id": group.id, "title": "Продажи", "type": "supergroup"}
    kinds = [list(update)[1] for update in await client.updates()]
    assert kinds == ["my_chat_member", "message", "message", "message"]
    seen_by_other = [update.kind for update in other.updates.pending.values()]
    assert seen_by_other == ["my_chat_member", "message", "message"], "bots do not hear each other"


async def test_privacy_mode_hides_what_is_not_for_the_bot(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    group = await telegram.group("Продажи", anna, bot, admin=False)
    await client.updates()
    sent = await client.call("sendMessage", chat_id=group.id, text="вопрос")
    await anna.writes(group, "между нами")
    await anna.writes(group, "/help")
    await anna.writes(group, "а ты, @Line_Bot?")
    await anna.writes(group, "ответ", reply_to=group.messages[sent["message_id"]])
    assert [update["message"]["text"] for update in await client.updates()] == [
        "/help",
        "а ты, @Line_Bot?",
        "ответ",
    ]


async def test_a_kicked_bot_may_not_write(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    group = await telegram.group("Продажи", anna, bot)
    await group.removes(bot)
    refusal = await client.refusal("sendMessage", chat_id=group.id, text="x")
    assert refusal == (403, "Forbidden: bot was kicked from the supergroup chat")
    last = (await client.updates())[-1]["my_chat_member"]
    assert last["new_chat_member"]["status"] == "kicked"
    await group.adds(bot)
    await client.call("leaveChat", chat_id=group.id)
    refusal = await client.refusal("sendMessage", chat_id=group.id, text="x")
    assert refusal == (403, "Forbidden: bot is not a member of the supergroup chat")


async def test_a_group_the_bot_never_saw_does_not_exist_for_it(
    telegram: TelegramSandbox, client: BotClient, anna: Person
) -> None:
    group = await telegram.group("Чужие", anna)
    refusal = await client.refusal("sendMessage", chat_id=group.id, text="x")
    assert refusal == (400, "Bad Request: chat not found")


async def test_who_writes_to_an_upgraded_group_is_told_its_new_id(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    group = await telegram.group("Продажи", anna, bot, supergroup=False)
    old_id = group.id
    await group.upgrades()
    answer = await client.answer("sendMessage", chat_id=old_id, text="x")
    assert answer == {
        "ok": False,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": group.id},
    }
    assert (await client.call("sendMessage", chat_id=group.id, text="x"))["message_id"] == 2
    told = [update["message"] for update in await client.updates() if "message" in update]
    assert told[-2]["migrate_to_chat_id"] == group.id
    assert told[-1]["migrate_from_chat_id"] == old_id


async def test_topics_are_made_closed_and_deleted(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    group = await telegram.group("Линия", anna, bot, forum=True)
    topic = await client.call("createForumTopic", chat_id=group.id, name="Анна, №5")
    thread = {"chat_id": group.id, "message_thread_id": topic["message_thread_id"]}
    sent = await client.call("sendMessage", **thread, text="Новая заявка")
    assert sent["is_topic_message"] is True
    await anna.writes(group, "беру", topic=group.topics[topic["message_thread_id"]])
    assert (await client.updates())[-1]["message"]["message_thread_id"] == topic["message_thread_id"]
    answered = await client.call(
        "sendMessage", chat_id=group.id, text="x", reply_to_message_id=sent["message_id"]
    )
    assert answered["message_thread_id"] == topic["message_thread_id"], "an answer stays in the topic"
    await client.call("editForumTopic", **thread, name="Анна, сделка")
    assert await client.refusal("editForumTopic", **thread, name="Анна, сделка") == (
        400,
        "Bad Request: TOPIC_NOT_MODIFIED",
    )
    await client.call("closeForumTopic", **thread)
    assert await client.refusal("closeForumTopic", **thread) == (400, "Bad Request: TOPIC_NOT_MODIFIED")
    await client.call("reopenForumTopic", **thread)
    await client.call("deleteForumTopic", **thread)
    refusal = await client.refusal("sendMessage", **thread, text="x")
    assert refusal == (400, "Bad Request: message thread not found")
    assert "Новая заявка" not in [message.text for message in group.visible]


async def test_a_forum_that_is_none_any_more_knows_no_threads(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    group = await telegram.group("Линия", anna, bot, forum=True)
    topic = await group.opens_topic("Анна")
    group.is_forum = False
    refusal = await client.refusal("sendMessage", chat_id=group.id, message_thread_id=topic.id, text="x")
    assert refusal == (400, "Bad Request: message thread not found")
    refusal = await client.refusal("createForumTopic", chat_id=group.id, name="x")
    assert refusal == (400, "Bad Request: the chat is not a forum")


async def test_members_and_their_rights_can_be_asked_for(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    boris = telegram.person(778, "Борис")
    group = await telegram.group("Линия", anna, bot, username="our_line")
    statuses = {}
    for user in (anna, bot, boris):
        member = await client.call("getChatMember", chat_id="@our_line", user_id=user.id)
        statuses[user.id] = member["status"]
    assert statuses == {777: "creator", bot.id: "administrator", 778: "left"}
    admins = await client.call("getChatAdministrators", chat_id=group.id)
    assert {admin["user"]["id"] for admin in admins} == {777, bot.id}
    assert await client.call("getChatMemberCount", chat_id=group.id) == 2
    assert (await client.call("getChat", chat_id=group.id))["title"] == "Линия"
