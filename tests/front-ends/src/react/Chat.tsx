import { useState } from "react";
import { useConnection } from "./useConnection";
import { useRoom, type RoomId } from "./useRoom";

export function Chat({ roomId }: { roomId: RoomId }) {
  const connection = useConnection();
  const { joined, messages, pending, error, send, retry } = useRoom(roomId);
  const [text, setText] = useState("");

  return (
    <section>
      <p role="status">{connection.error?.message ?? connection.state}</p>
      {error && (
        <p role="alert">
          {error} <button onClick={retry}>Try again</button>
        </p>
      )}
      <ul>
        {messages.map(({ seq, from, data }) => (
          <li key={seq}>
            {from}: {data.text}
          </li>
        ))}
        {pending.map(({ id, text, error }) => (
          <li key={id} className="pending">
            {text} ({error ?? "sending"})
          </li>
        ))}
      </ul>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send(text);
          setText("");
        }}
      >
        <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} required />
        <button disabled={!joined}>Send</button>
      </form>
    </section>
  );
}
