import type { Rooms } from "../src/rooms";

export type Panel = { key: string; roomId: keyof Rooms & string };

declare global {
  interface Window {
    /** Shows exactly these components. */
    show(panels: Panel[]): void;
  }
}
