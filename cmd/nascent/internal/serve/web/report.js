// Shows what the file that this page is has of a search.

import { open } from 'nascent/file.js'
import { use } from 'nascent/api.js'
import { start } from 'nascent/app.js'

open().then(file => {
  use(file)
  return start()
}, error => {
  document.getElementById('wrong').hidden = false
  console.error(error)
})
