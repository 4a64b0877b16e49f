// Shows any number of the recipe's components, as the test says.
import { mount } from "svelte";
import { writable } from "svelte/store";
import { client } from "../src/dialogue";
import Panels from "./Panels.svelte";
import type { Panel } from "./panel";

client.connect();
const panels = writable<Panel[]>([]);
window.show = (shown) => panels.set(shown);

mount(Panels, { target: document.getElementById("root")!, props: { panels } });
