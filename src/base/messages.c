/* See messages.h. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "messages.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Rooms that are made at once. */
#define BLOCK 256

/* Those that nobody has. Their number is that of the most transfers that there ever
   were; what an error has written stays. */
static char **spare;
static size_t count, made;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* There is place in `spare` for all that were made, so giving one back cannot fail. */
static void make(void)
{
  char **more = realloc(spare, (made + BLOCK) * sizeof *spare);
  char *block;
  int i;
  if (more == NULL)
    return;
  spare = more;
  /* Zeroed; malloc would hand out, or clear, what was used before. */
  block = mmap(NULL, (size_t)BLOCK * CURL_ERROR_SIZE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED)
    return;
  made += BLOCK;
  for (i = BLOCK - 1; i >= 0; i--)
    spare[count++] = block + (size_t)i * CURL_ERROR_SIZE;
}

char *message_take(void)
{
  char *message = NULL;
  (void)pthread_mutex_lock(&lock);
  if (count == 0)
    make();
  if (count > 0)
    message = spare[--count];
  (void)pthread_mutex_unlock(&lock);
  return message;
}

void message_give(char *message)
{
  if (message == NULL)
    return;
  message_clear(message);
  (void)pthread_mutex_lock(&lock);
  spare[count++] = message;
  (void)pthread_mutex_unlock(&lock);
}
