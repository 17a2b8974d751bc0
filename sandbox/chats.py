"""Where messages stand: the private chat of a person and a bot, a group, a chat of a business account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.calls import ApiError, Json, bad_request, forbidden
from sandbox.messages import Message

if TYPE_CHECKING:
    from sandbox.accounts import Bot
    from sandbox.business import BusinessConnection
    from sandbox.people import Person


@dataclass(slots=True, eq=False)
class Topic:
    """One topic of a forum. The general topic has the id 1 and no mark on its messages."""

    id: int
    name: str
    icon_color: int = 0x6FB9F0
    icon_emoji_id: str | None = None
    closed: bool = False
    hidden: bool = False
    deleted: bool = False

    @property
    def is_general(self) -> bool:
        return self.id == 1

    def describe(self) -> Json:
        """The `ForumTopic` of the Bot API."""
        shown: Json = {"message_thread_id": self.id, "name": self.name, "icon_color": self.icon_color}
        if self.icon_emoji_id:
            shown["icon_custom_emoji_id"] = self.icon_emoji_id
        return shown


class Chat:
    """Messages in one sequence of ids, whoever wrote them."""

    id: int

    def __init__(self) -> None:
        self.last_id = 0
        self.messages: dict[int, Message] = {}
        self.pinned: list[int] = []
        self.actions: list[str] = []  # what bots have said they are doing: typing, upload_photo, ...

    def describe(self, bot: Bot) -> Json:
        """The `Chat` object as one bot sees it."""
        raise NotImplementedError

    def check_writable(self, bot: Bot) -> None:
        """Raise ApiError when the bot may not write here now."""
        raise NotImplementedError

    def topic(self, thread_id: int, bot: Bot) -> Topic | None:
        """The topic a bot means by `message_thread_id`; raises ApiError when there is none."""
        if thread_id:
            raise bad_request("message thread not found")
        return None

    @property
    def visible(self) -> list[Message]:
        """What a member sees, in order."""
        return [message for message in self.messages.values() if not message.deleted]

    def find(self, message_id: int) -> Message | None:
        """A message that is still there."""
        message = self.messages.get(message_id)
        return None if message is None or message.deleted else message


class PrivateChat(Chat):
    """One person and one bot, with one sequence of message ids for both directions."""

    def __init__(self, bot: Bot, person: Person) -> None:
        super().__init__()
        self.id = person.id
        self.bot = bot
        self.person = person
        self.started = False
        self.blocked = False
        self.keyboard: Message | None = None  # the message whose reply keyboard is open

    def describe(self, bot: Bot) -> Json:
        return self.person.describe_chat()

    def check_writable(self, bot: Bot) -> None:
        if self.person.is_deactivated:
            raise forbidden("user is deactivated")
        if not self.started:
            raise forbidden("bot can't initiate conversation with a user")
        if self.blocked:
            raise forbidden("bot was blocked by the user")


class BusinessChat(Chat):
    """A chat of a business account with a customer, in which a bot answers in the owner's name."""

    def __init__(self, connection: BusinessConnection, customer: Person) -> None:
        super().__init__()
        self.id = customer.id
        self.connection = connection
        self.customer = customer

    def describe(self, bot: Bot) -> Json:
        return self.customer.describe_chat()

    def check_writable(self, bot: Bot) -> None:
        connection = self.connection
        if not connection.is_enabled or not connection.can_reply:
            raise ApiError(400, "Bad Request: BUSINESS_CONNECTION_NOT_ALLOWED")
        if self.customer.is_deactivated:
            raise forbidden("user is deactivated")
        since = self.customer.world.now().timestamp() - 24 * 3600
        if not any(one.sender is self.customer and one.date >= since for one in self.messages.values()):
            raise bad_request("BUSINESS_PEER_USAGE_MISSING")
