// Shows what the server of this page has.

import { start } from 'nascent/app.js'

start()
