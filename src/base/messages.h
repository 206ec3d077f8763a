/* Room for what libcurl says of an error (CURLOPT_ERRORBUFFER). Most transfers end
   without a word: so the rooms stand side by side, apart from all else, in pages that
   take no memory before one of them is written to. For any thread. */
#pragma once

/* CURL_ERROR_SIZE bytes, an empty string; NULL: out of memory. */
char *message_take(void);

/* The opposite; NULL: does nothing. */
void message_give(char *message);

/* To be used instead of writing to it: reading takes no memory. */
static inline void message_clear(char *message)
{
  if (*message != '\0')
    *message = '\0';
}
