/**
 * What is seen by a person, with ink. It is a bundle of its own with its own copies of what it imports, so nothing that is told apart by
 * its class (Secret, BrokerError) may cross: texts, times and functions do.
 */
export { openLoginScreen } from "./login-screen.tsx";
export { watchStatus } from "./status-screen.tsx";
