"""Telegram Business: a bot in a person's own account reads the chats with customers and answers there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.calls import Json
from sandbox.chats import BusinessChat
from sandbox.entities import tidied
from sandbox.messages import Message

if TYPE_CHECKING:
    from sandbox.accounts import Bot
    from sandbox.people import Person
    from sandbox.world import World


class BusinessConnection:
    """The owner of an account has let a bot into it. Made by `TelegramSandbox.business`.

    Customers write with `await anna.writes(connection, "...")`; what the owner answers from their own
    telephone is `await connection.owner_writes(anna, "...")`. Both reach the bot as `business_message`.
    """

    def __init__(
        self, world: World, connection_id: str, owner: Person, bot: Bot, *, can_reply: bool = True
    ) -> None:
        self.id = connection_id
        self.owner = owner
        self.bot = bot
        self.can_reply = can_reply
        self.is_enabled = True
        self.chats: dict[int, BusinessChat] = {}  # by customer
        self._since = int(world.now().timestamp())
        self._world = world

    def chat(self, customer: Person) -> BusinessChat:
        """The owner's chat with a customer; it exists from the first time somebody asks."""
        chat = self.chats.get(customer.id)
        if chat is None:
            chat = self.chats[customer.id] = BusinessChat(self, customer)
        return chat

    async def owner_writes(self, customer: Person, text: str, *, reply_to: Message | None = None) -> Message:
        """The owner writes to a customer from Telegram itself."""
        shown, entities = tidied(text, [])
        content: Json = {"text": shown}
        if entities:
            content["entities"] = entities
        return self._world.post(
            self.chat(customer),
            self.owner,
            content,
            reply_to=reply_to,
            business={"business_connection_id": self.id},
        )

    async def disconnects(self) -> None:
        """The owner takes the bot out of the account."""
        self.is_enabled = False
        self.announce()

    def announce(self) -> None:
        """Tell the bot about the connection as it is now."""
        self._world.push(self.bot, "business_connection", self.describe(), self.owner.id)
        self._world.changed("membership", bot=self.bot, details={"business_connection": self.id})

    def describe(self) -> Json:
        """The `BusinessConnection` of the Bot API."""
        return {
            "id": self.id,
            "user": self.owner.describe(),
            "user_chat_id": self.owner.id,
            "date": self._since,
            "can_reply": self.can_reply,
            "rights": {"can_reply": True} if self.can_reply else {},
            "is_enabled": self.is_enabled,
        }
