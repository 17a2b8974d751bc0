"""Groups and supergroups: members, administrators, topics, and what of all this the bots are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sandbox.accounts import Bot
from sandbox.calls import Json, bad_request, forbidden
from sandbox.chats import Chat, Topic
from sandbox.messages import Message

if TYPE_CHECKING:
    from sandbox.messages import Sender
    from sandbox.people import Person
    from sandbox.world import World

GENERAL = 1


class Group(Chat):
    """A group with one sequence of message ids for everyone in it.

    Made by `TelegramSandbox.group`. Bots are administrators unless made otherwise, so privacy mode hides
    nothing from them.
    """

    def __init__(
        self,
        world: World,
        group_id: int,
        title: str,
        owner: Person,
        *,
        supergroup: bool = True,
        forum: bool = False,
        username: str | None = None,
    ) -> None:
        super().__init__()
        self.id = group_id
        self.title = title
        self.username = username
        self.is_supergroup = supergroup
        self.is_forum = forum
        self.owner = owner
        self.members: dict[int, Sender] = {owner.id: owner}
        self.admins: set[int] = {owner.id}
        self.former: dict[int, str] = {}  # who is no longer there: left or kicked
        self.topics: dict[int, Topic] = {GENERAL: Topic(GENERAL, "General")}
        self.earlier: list[Message] = []  # what was said before the group became a supergroup
        self._world = world

    # --- what happens in it ----------------------------------------------------------------------

    async def adds(self, member: Sender, *, admin: bool = True) -> None:
        """Somebody joins, added by the owner. A bot learns of it by my_chat_member."""
        self.members[member.id] = member
        before = self.former.pop(member.id, "left")
        if admin and member.is_bot:
            self.admins.add(member.id)
        self._membership(member, before)
        self._world.post(self, self.owner, {"new_chat_members": [member.describe()]}, service=True)

    async def removes(self, member: Sender) -> None:
        """The owner kicks somebody. A bot learns of it by my_chat_member and may write no more."""
        before = self.status_of(member.id)
        self._world.post(self, self.owner, {"left_chat_member": member.describe()}, service=True)
        self.leave(member, "kicked", before)

    async def upgrades(self) -> Group:
        """The group becomes a supergroup with another id, as happens when a topic is made in it.

        Whoever writes to the old id is told the new one in `migrate_to_chat_id`. Message ids begin anew.
        """
        if self.is_supergroup:
            raise ValueError("a supergroup cannot be upgraded")
        old_id, new_id = self.id, -1_000_000_000_000 + self.id
        self._world.post(self, self.owner, {"migrate_to_chat_id": new_id}, service=True)
        self.earlier += self.messages.values()
        self.messages, self.last_id, self.pinned = {}, 0, []
        self.id, self.is_supergroup = new_id, True
        del self._world.groups[old_id]
        self._world.groups[new_id] = self
        self._world.migrated[old_id] = new_id
        self._world.post(self, self.owner, {"migrate_from_chat_id": old_id}, service=True)
        return self

    async def opens_topic(self, name: str, by: Person | None = None) -> Topic:
        """A person opens a topic."""
        return self.open_topic(by or self.owner, name)

    def leave(self, member: Sender, status: str, before: str) -> None:
        """Take a member out and tell the bots. `status` is what they are afterwards: left or kicked."""
        self.members.pop(member.id, None)
        self.admins.discard(member.id)
        self.former[member.id] = status
        self._membership(member, before)

    def open_topic(
        self, by: Sender, name: str, icon_color: int = 0x6FB9F0, emoji: str | None = None
    ) -> Topic:
        """A topic begins with a service message, whose id becomes the topic's."""
        topic = Topic(self.last_id + 1, name, icon_color, emoji)
        self.topics[topic.id] = topic
        created: Json = {"name": name, "icon_color": icon_color}
        if emoji:
            created["icon_custom_emoji_id"] = emoji
        self._world.post(self, by, {"forum_topic_created": created}, topic=topic, service=True)
        return topic

    # --- what it is ------------------------------------------------------------------------------

    def describe(self, bot: Bot) -> Json:
        shown: Json = {
            "id": self.id,
            "title": self.title,
            "type": "supergroup" if self.is_supergroup else "group",
        }
        if self.username:
            shown["username"] = self.username
        if self.is_forum:
            shown["is_forum"] = True
        if not self.is_supergroup:
            shown["all_members_are_administrators"] = False
        return shown

    @property
    def bots(self) -> Iterator[Bot]:
        """The bots in the group."""
        return (member for member in self.members.values() if isinstance(member, Bot))

    def status_of(self, member_id: int) -> str:
        """creator, administrator, member, left or kicked."""
        if member_id == self.owner.id:
            return "creator"
        if member_id in self.admins:
            return "administrator"
        if member_id in self.members:
            return "member"
        return self.former.get(member_id, "left")

    def check_writable(self, bot: Bot) -> None:
        kind = "supergroup" if self.is_supergroup else "group"
        if bot.id not in self.members:
            if self.former.get(bot.id) == "kicked":
                raise forbidden(f"bot was kicked from the {kind} chat")
            raise forbidden(f"bot is not a member of the {kind} chat")

    def topic(self, thread_id: int, bot: Bot) -> Topic | None:
        if not thread_id:
            return None
        topic = self.topics.get(thread_id) if self.is_forum else None
        if topic is None or topic.deleted:
            raise bad_request("message thread not found")
        if topic.closed and bot.id not in self.admins:
            raise bad_request("TOPIC_CLOSED")
        return topic

    def bots_that_see(self, message: Message) -> Iterable[Bot]:
        """Who is told of a message: not its author, no bot of another bot's words, nor against privacy mode.

        See https://core.telegram.org/bots/features#privacy-mode.
        """
        for bot in list(self.bots):
            if bot is message.sender or (message.from_bot and not message.is_service):
                continue
            hidden_from = not (bot.id in self.admins or bot.reads_all_groups or message.is_service)
            answered = message.reply_to is not None and message.reply_to.sender is bot
            called = message.text.startswith("/") or f"@{bot.username}".lower() in message.text.lower()
            if not hidden_from or answered or called:
                yield bot

    def member(self, member_id: int, member: Sender) -> Json:
        """The `ChatMember` of the Bot API for somebody known."""
        return self._as_member(member, self.status_of(member_id))

    def _membership(self, member: Sender, before: str) -> None:
        now = self.status_of(member.id)
        changed: Json = {
            "from": self.owner.describe(),
            "date": int(self._world.now().timestamp()),
            "old_chat_member": self._as_member(member, before),
            "new_chat_member": self._as_member(member, now),
        }
        if member.is_bot:
            bot = next(bot for bot in self._world.bots.values() if bot.id == member.id)
            self._world.push(bot, "my_chat_member", {"chat": self.describe(bot), **changed}, self.id)
        for bot in self.bots:
            if bot.id != member.id and bot.id in self.admins:
                self._world.push(bot, "chat_member", {"chat": self.describe(bot), **changed}, self.id)
        self._world.changed("membership", chat=self, details={"member": member.id, "status": now})

    def _as_member(self, member: Sender, status: str) -> Json:
        shown: Json = {"user": member.describe(), "status": status}
        if status == "creator":
            shown["is_anonymous"] = False
        elif status == "kicked":
            shown["until_date"] = 0
        elif status == "administrator":
            shown |= dict.fromkeys(
                (
                    "can_be_edited",
                    "can_post_stories",
                    "can_edit_stories",
                    "can_delete_stories",
                    "is_anonymous",
                    "can_promote_members",
                    "can_restrict_members",
                ),
                False,
            )
            shown |= dict.fromkeys(
                (
                    "can_manage_chat",
                    "can_change_info",
                    "can_delete_messages",
                    "can_invite_users",
                    "can_pin_messages",
                    "can_manage_topics",
                    "can_manage_video_chats",
                    "can_send_welcome_messages",
                ),
                True,
            )
        return shown
