// haproxy with the configuration of docs/proxies.md.
import { suite } from "./suite.js";

suite("haproxy");
