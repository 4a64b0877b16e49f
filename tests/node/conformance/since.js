// What the old client (see `old-client/README.md`) does differently: the reasons, and the scripts or topics that show it.

const CHANGES = {
  "it forgot such a room only when its rejoin was refused": [
    "Joins and departures by the server: a room that is deleted while the client rejoins it is forgotten",
  ],
  "its errors had no data": ["Other requests and pushes: the data of a refusal reaches the user"],
  "only a minute reset its backoff": [
    "Connecting: a connection that lasts longer than the wait before it starts the backoff again",
  ],
  "it did not wait for `retryAfter` before it connected again": [
    "Connecting: a sign-in that fails is tried again",
    "Connecting: a sign-in that fails after a lost connection is tried again",
    "Connecting: a client waits at most a minute because a server asks it to",
    "Connecting: a sign-in that the server cannot decide is tried without end",
  ],
  "it had no `wake`": [
    "Close codes and keep-alive: a client that wakes connects at once",
    "Close codes and keep-alive: a client that wakes tests its connection",
    "Close codes and keep-alive: a connection that answers a client that wakes stays",
    "Close codes and keep-alive: a client that is woken often tests its connection once",
    "Close codes and keep-alive: a client that is woken every second still gives a dead connection up",
  ],
  "it gave up a room sooner": [
    "Rejoining: a rejoin that may succeed later is repeated with backoff",
    "Rejoining: a rejoin is repeated after any error that is not final",
    "Rejoining: a rejoin that the server cannot decide is repeated without end",
    "Rejoining: a room that stays away for five minutes is given up",
    "Rejoining: a room that is created again is rejoined at once",
    "Rejoining: a room that is created while its rejoin is refused is rejoined at once",
    "Rejoining: a room that is deleted while the client waits to rejoin it is forgotten",
    "Rejoining: requests wait while the client waits to rejoin",
  ],
  "it did not mark repetitions": [
    "Keys: an unanswered trigger is sent again with its key after the rejoin",
    "Keys: triggers are repeated in their order, each with its own key",
    "Keys: a repetition that was refused before its key was looked up is unknown",
    "Keys: the outcome of a repetition is the outcome of the trigger",
    "Keys: a repetition names the connection that first sent it",
    "Keys: a trigger is repeated when the server has restarted",
    "Keys: a repetition that the server cannot recognise is unknown",
    "Keys: a repetition that came too fast is repeated again",
  ],
  "it said `DISCONNECTED` for an unknown outcome": [
    "Keys: a trigger without a key is never repeated",
    "Keys: a trigger is not repeated in another epoch",
    "Keys: a trigger is not repeated as another user",
    "Keys: a trigger is not repeated after the server may have forgotten its key",
    "Keys: a trigger whose room does not take the client back is unknown",
    "Limits: a repetition that the new server would not accept is unknown",
  ],
  "it did not keep to a rate": [
    "Pacing: a client sends at most four fifths of the permitted rate",
    "Pacing: joins wait for the rate too",
    "Pacing: rejoins wait for the rate",
    "Pacing: a ping overtakes requests that wait",
    "Pacing: a volatile trigger replaces one that waits",
    "Pacing: volatile triggers leave a share of the rate to all others",
  ],
  "it did not repeat what came too fast": [
    "Pacing: a request that came too fast is repeated",
    "Pacing: requests that came too fast are repeated in their order",
    "Pacing: a request that would be unsafe to repeat is repeated if it came too fast",
    "Pacing: a request that comes too fast until its timeout fails",
  ],
  "it did not repeat a trigger that the server could not take": [
    "Not now: a trigger that the server cannot take now is repeated with its key",
    "Not now: a trigger that the server cannot take now is repeated until there is another answer",
    "Not now: a repetition after not now whose outcome the server cannot tell is unknown",
    "Not now: triggers behind one that the server cannot take now keep their order",
    "Not now: a trigger that the server cannot take until its timeout fails with that error",
    "Not now: a trigger that waits because of not now is sent after the rejoin",
    "Not now: a trigger that waits because of not now is not repeated in another epoch",
    "Not now: what waits because of not now is sent before a leave",
    "Not now: a repetition after not now that is interrupted is repeated after the rejoin",
  ],
  "it did not send `except`": [
    "Subscriptions: an exception from the wildcard is restored",
    "Subscriptions: a rejoin names the exceptions from the wildcard",
    "Subscriptions: a client unsubscribes from exceptions that the server did not take",
  ],
  "it knew no erasures": ["Erasure"],
  "its pages had no `next`": ["Other requests and pushes: pages of history continue with before"],
  "it had one handle for each room": [
    "Handles",
    "Joining: joining again adds subscriptions and replays nothing to the first handle",
    "Recovery: a join during the rejoin comes after it",
    "Subscriptions: a join that names the wildcard ends all exceptions",
  ],
};

/** What the old client does differently in a script, or undefined. */
export function sinceOld(script) {
  const isOf = (name) => script.name === name || script.name.startsWith(`${name} (`) || script.name.startsWith(`${name}: `);
  return Object.keys(CHANGES).find((reason) => CHANGES[reason].some(isOf));
}
