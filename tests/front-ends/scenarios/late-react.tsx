// A component joins and gives the room to another one, which renders later.
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { client } from "../src/dialogue";
import { later, listen, type Room } from "./late";

function Lines({ room }: { room: Room }) {
  const [lines, setLines] = useState<string[]>([]);
  useEffect(() => listen(room, setLines), [room]);
  return lines.map((line) => <li key={line}>{line}</li>);
}

function Late() {
  const [room, setRoom] = useState<Room>();
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const joining = client.join("chat");
    joining.then(setRoom);
    later().then(() => setOpen(true));
    return () => void joining.then((room) => room.leave());
  }, []);
  return <ul>{isOpen && room && <Lines room={room} />}</ul>;
}

client.connect();
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Late />
  </StrictMode>,
);
