import { afterEach, expect, jest, test } from "@jest/globals";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { client } from "../dialogue";
import { Chat } from "./Chat";

afterEach(cleanup);

/** A room that has no server. The test passes messages to its handlers. */
function fakeRoom() {
  const handlers: Record<string, (argument: unknown) => void> = {};
  const room = {
    on: (event: string, handler: (argument: unknown) => void) => (handlers[event] = handler),
    onHistory: (handler: (argument: unknown) => void) => (handlers["history"] = handler),
    onLeft: (handler: (argument: unknown) => void) => (handlers["left"] = handler),
    trigger: jest.fn(async (..._: unknown[]) => ({})),
    leave: jest.fn(async () => {}),
  };
  jest.spyOn(client, "join").mockImplementation(async () => room as any);
  return { room, handlers };
}

test("shows the history and new messages, sends, and leaves when it is unmounted", async () => {
  const { room, handlers } = fakeRoom();
  const { unmount } = render(<Chat roomId="chat" />);
  await screen.findByRole("button", { name: "Send" });
  const message = { event: "message", from: "Grace", data: { text: "hello" }, seq: 1 };
  act(() => handlers["history"]?.({ events: [message] }));
  act(() => handlers["message"]?.({ ...message, data: { text: "again" }, seq: 2 }));
  expect(screen.getAllByRole("listitem").map((item) => item.textContent)).toEqual(["Grace: hello", "Grace: again"]);

  fireEvent.change(screen.getByLabelText("Message"), { target: { value: "good morning" } });
  await act(async () => fireEvent.submit(screen.getByRole("button", { name: "Send" })));
  expect(room.trigger).toHaveBeenCalledWith("message", { text: "good morning" }, { meta: { id: expect.any(String) } });

  await act(async () => unmount());
  expect(room.leave).toHaveBeenCalledTimes(1);
});
