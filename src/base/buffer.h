/* Growable bytes. Used by receiver.c for what arrives and what is sent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct Buffer {
  char *bytes;  /* malloc'ed, NULL while nothing was ever stored */
  size_t start; /* first byte that was not taken yet */
  size_t end;   /* one past the last byte */
  size_t capacity;
} Buffer;

/* Bytes that wait to be taken. */
static inline size_t buffer_size(const Buffer *buffer)
{
  return buffer->end - buffer->start;
}

/* The first of those bytes; valid until the next append. */
static inline const char *buffer_head(const Buffer *buffer)
{
  return buffer->bytes + buffer->start;
}

/* Makes room for `size` more bytes. False when memory ran out; the buffer
   is unchanged then. */
bool buffer_reserve(Buffer *buffer, size_t size);

/* The same where there is no room. */
bool buffer_append_more(Buffer *buffer, const char *bytes, size_t size);

static inline bool buffer_append(Buffer *buffer, const char *bytes, size_t size)
{
  if (size == 0 || size > buffer->capacity - buffer->end)
    return buffer_append_more(buffer, bytes, size);
  memcpy(buffer->bytes + buffer->end, bytes, size);
  buffer->end += size;
  return true;
}

/* Drops `size` bytes from the front. When none are left the block is kept if
   much of it was used since it was empty last. */
void buffer_drop(Buffer *buffer, size_t size);

/* Drops all. Keeps a small block: the next answer is likely to fit, and to
   allocate one above 1 KiB is slow. */
void buffer_clear(Buffer *buffer);

void buffer_free(Buffer *buffer);
