// Loaded before a node (`--import`): it becomes another version of the program, in which some lines read otherwise. The edits stand in
// the environment; one that does not fit ends the process, as a test of nothing would prove nothing.
import { register } from 'node:module'

register('./editedSources.js', import.meta.url)
