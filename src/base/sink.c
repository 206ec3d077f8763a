/* See sink.h. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"

/* libcurl hands over 16 KiB at most, at any offset. To copy them together
   costs less than to enter the kernel for each. Measured on Linux: it keeps
   blocks of up to 32 KiB at hand for the page cache; 64 KiB and more save
   another tenth while memory is free, and cost up to twice as much when it
   is in pieces. */
#define SINK_SIZE (32 * 1024)

/* What arrives slowly is written at once: somebody may look at the file. */
#define SINK_STALE_MS 100

/* Writes are fast where they begin at a multiple of their size. */
static size_t room_at(int fd)
{
  off_t at = lseek(fd, 0, SEEK_CUR);
  return at > 0 ? SINK_SIZE - (size_t)(at % SINK_SIZE) : SINK_SIZE;
}

bool sink_open(Sink *sink, int fd)
{
  fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0)
    return false;
  sink->bytes = malloc(SINK_SIZE);
  if (sink->bytes == NULL) {
    (void)close(fd); /* nothing was written to it */
    errno = ENOMEM;
    return false;
  }
  sink->fd = fd;
  sink->forks = process_forks;
  sink->error = 0;
  sink->used = 0;
  sink->room = room_at(fd);
  sink->written_ms = 0;
  return true;
}

static bool flush(Sink *sink)
{
  size_t done = 0;
  while (done < sink->used && sink->error == 0) {
    ssize_t count = write(sink->fd, sink->bytes + done, sink->used - done);
    if (count > 0)
      done += (size_t)count;
    else if (count == 0)
      sink->error = EIO;
    else if (errno != EINTR)
      sink->error = errno;
  }
  sink->used = 0;
  return sink->error == 0;
}

bool sink_put(Sink *sink, const char *bytes, size_t size, uint64_t now_ms)
{
  while (size > 0 && sink->error == 0) {
    size_t part = sink->room - sink->used;
    if (part > size)
      part = size;
    memcpy(sink->bytes + sink->used, bytes, part);
    sink->used += part;
    bytes += part;
    size -= part;
    if (sink->used == sink->room) {
      sink->room = SINK_SIZE;
      sink->written_ms = now_ms;
      (void)flush(sink);
    }
  }
  if (now_ms - sink->written_ms > SINK_STALE_MS && sink->error == 0) {
    sink->written_ms = now_ms;
    if (flush(sink))
      sink->room = room_at(sink->fd);
  }
  return sink->error == 0;
}

void sink_close(Sink *sink)
{
  if (!sink_is_open(sink))
    return;
  /* A child of a fork leaves what waits to its parent, whose file it is too. */
  if (sink->forks == process_forks)
    (void)flush(sink); /* `error` tells */
  if (close(sink->fd) != 0 && sink->error == 0)
    sink->error = errno;
  free(sink->bytes);
  sink->bytes = NULL;
}
