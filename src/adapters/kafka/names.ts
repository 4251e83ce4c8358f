// What a topic may be called: so that the one for positions, with its longer name, is a topic's name as well.
const TOPIC_NAME = /^[A-Za-z0-9._-]{1,200}$/

export const isTopicName = (name: string): boolean => TOPIC_NAME.test(name) && !/^\.{1,2}$/.test(name)
export const positionsTopic = (topic: string): string => `${topic}.positions`
