"""Two users of a generated client chat with each other.

The argument is the folder of the client. The output has, for each user, the messages that they have seen, and the error
code of a message that the server refuses.
"""

import contextlib
import json
import queue
import sys
import threading

sys.path.insert(0, sys.argv[1])

from client import ChatClient  # noqa: E402

PATIENCE = 20


class User(ChatClient):
    """Sends requests, and waits for their replies."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.messages = queue.Queue()
        self.frames = queue.Queue()
        self.opened = threading.Event()
        self.last_id = 0
        self.register_receive_in_chat_handler(self.on_event, "type", "event")
        self.register_message_handler(lambda text: self.frames.put(json.loads(text)))
        self.register_error_handler(self.frames.put)
        self.connect()
        assert self.opened.wait(PATIENCE), "the connection does not open"
        self.send_connect({"type": "connect", "protocol": 1, "auth": {"userId": name}})
        self.reply("connected")
        self.request(self.send_join, {"type": "join", "roomId": "chat", "subscriptions": ["message"]}, "joined")

    def on_open(self, socket):
        super().on_open(socket)
        self.opened.set()

    def on_event(self, text):
        frame = json.loads(text)
        self.messages.put(f"{frame['from']}: {frame['data']['text']}")

    def request(self, send, frame, expected):
        self.last_id += 1
        send({**frame, "id": self.last_id})
        return self.reply(expected, self.last_id)

    def reply(self, expected, to=None):
        """The next reply. The server also sends frames that nobody has asked for."""
        while True:
            frame = self.frames.get(timeout=PATIENCE)
            assert isinstance(frame, dict), frame
            if frame.get("id") == to and frame["type"] in (expected, "error"):
                assert frame["type"] == expected, frame
                return frame

    def say(self, text, expected="ok"):
        trigger = {"type": "trigger", "roomId": "chat", "event": "message", "data": {"text": text}}
        return self.request(self.send_in_chat, trigger, expected)

    def hears(self):
        return self.messages.get(timeout=PATIENCE)


# The generated client prints what it does.
with contextlib.redirect_stdout(sys.stderr):
    ada, bob = User("ada"), User("bob")
    ada.say("Hello, Bob!")
    seen_by_bob = [bob.hears()]
    bob.say("Hello, Ada!")
    seen_by_ada = [ada.hears(), ada.hears()]
    refused = ada.say("", expected="error")
    ada.close()
    bob.close()

print(json.dumps({"bob": seen_by_bob, "ada": seen_by_ada, "refused": refused["code"]}))
