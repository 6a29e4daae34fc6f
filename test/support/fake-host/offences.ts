/** What a fake host was asked for and no test had foreseen; checked after every test. */
export const offences: string[] = [];
