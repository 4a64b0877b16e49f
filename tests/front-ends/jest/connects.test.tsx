// The recipe in jsdom, with jsdom's own WebSocket, against the server of this page.
import { afterAll, expect, test } from "@jest/globals";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { client } from "../src/dialogue";
import { Chat } from "../src/react/Chat";

afterAll(() => client.disconnect());

test("the component connects and sends", async () => {
  localStorage.setItem("user", "Ada");
  await client.connect();
  render(<Chat roomId="chat" />);
  await screen.findByText("connected");
  const send = await screen.findByRole<HTMLButtonElement>("button", { name: "Send" });
  await waitFor(() => expect(send.disabled).toBe(false));
  fireEvent.change(screen.getByLabelText("Message"), { target: { value: "from jsdom" } });
  fireEvent.submit(send);
  await screen.findByText("Ada: from jsdom");
});
