import { mount } from "svelte";
import { client } from "../src/dialogue";
import Late from "./Late.svelte";

client.connect();
mount(Late, { target: document.getElementById("root")! });
