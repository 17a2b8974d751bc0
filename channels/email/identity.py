"""Who a line is in the post: its addresses, its name, and the key that signs what must not be made up."""

from __future__ import annotations

from dataclasses import dataclass, field

from channels.email.threading import read_return_path


@dataclass(frozen=True, slots=True)
class MailIdentity:
    """One line's mailbox as the outer world sees it.

    `address` is what customers write to and what they see in From, `aliases` are others that end in the
    same mailbox; all lower case. `name` stands beside the address. `secret` signs the ids of our letters.
    `verp` gives every letter a return path of its own (`sales+…@example.com`), which asks of the mail
    server that it delivers such addresses to the mailbox and lets us send from them.
    """

    address: str
    secret: bytes = field(repr=False)
    name: str = ""
    aliases: frozenset[str] = frozenset()
    verp: bool = False

    @property
    def domain(self) -> str:
        """The domain of the ids we make."""
        return self.address.rpartition("@")[2]

    @property
    def local(self) -> str:
        """What stands before the @."""
        return self.address.rpartition("@")[0]

    @property
    def addresses(self) -> frozenset[str]:
        """Every address that is ours."""
        return self.aliases | {self.address}

    def receives(self, address: str) -> bool:
        """Whether a letter to this address is for this line: ours, ours with a `+tag`, or a return path we
        signed.
        """
        address = address.strip().strip("<>").lower()
        if address in self.addresses or read_return_path(address, self.secret) is not None:
            return True
        local, at, domain = address.rpartition("@")
        return bool(at) and f"{local.partition('+')[0]}@{domain}" in self.addresses
