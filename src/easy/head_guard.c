/* See head_guard.h. */
#include "head_guard.h"

#include <string.h>
#include <strings.h>

void head_guard_begin(HeadGuard *guard, CURL *handle)
{
  guard->state = HEAD_BEFORE_BLOCK;
  guard->in_line = guard->refused = false;
  /* Setting it cannot fail. */
  (void)curl_easy_setopt(handle, CURLOPT_HEADER, 1L);
}

/* What follows is libcurl's to judge. */
static void end(HeadGuard *guard, CURL *handle, HeadGuardState state)
{
  guard->state = state;
  if (!guard->wanted)
    (void)curl_easy_setopt(handle, CURLOPT_HEADER, 0L);
}

static bool has_begun(CURL *handle)
{
  curl_off_t us = 0;
  (void)curl_easy_getinfo(handle, CURLINFO_STARTTRANSFER_TIME_T, &us);
  return us > 0;
}

static long status_of(CURL *handle)
{
  long status = 0;
  (void)curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

/* Whether this begins a header block: that of an answer, or, before any of that
   has come, of what a proxy says to CONNECT. Other protocols than HTTP have no
   such block, and HTTP/0.9, which has to be allowed, neither. */
static bool begins_block(const HeadGuard *guard, CURL *handle,
                         const char *bytes, size_t size)
{
  const char *scheme = NULL;
  (void)curl_easy_getinfo(handle, CURLINFO_SCHEME, &scheme);
  if (scheme != NULL && strncasecmp(scheme, "http", 4) == 0)
    return !guard->http09 || status_of(handle) != 0 || !has_begun(handle);
  return size > 7 && memcmp(bytes, "HTTP/1.", 7) == 0 && !has_begun(handle) &&
         (scheme == NULL || strcasecmp(scheme, "file") != 0);
}

/* At the end of a block without any header: whether another one follows, after
   that of a proxy or of an answer like "100 Continue". */
static bool another_follows(CURL *handle)
{
  long status = status_of(handle);
  return status < 200 && status != 101;
}

static bool is_blank(char byte)
{
  return byte == ' ' || byte == '\t';
}

static bool is_line_break(char byte)
{
  return byte == '\r' || byte == '\n';
}

static HeadGuardVerdict check_line(HeadGuard *guard, CURL *handle,
                                   const char *bytes, size_t size)
{
  if (guard->state == HEAD_BEFORE_BLOCK) {
    if (!begins_block(guard, handle, bytes, size)) {
      end(guard, handle, HEAD_UNGUARDED);
      return HEAD_IS_BODY;
    }
    guard->state = HEAD_IN_BLOCK;
  }
  else if (is_blank(bytes[0])) {
    guard->refused = true;
    return HEAD_IS_REFUSED;
  }
  else if (is_line_break(bytes[0]) && another_follows(handle))
    guard->state = HEAD_BEFORE_BLOCK;
  else
    end(guard, handle, HEAD_SEEN);
  return HEAD_IS_LINE;
}

HeadGuardVerdict head_guard_check(HeadGuard *guard, CURL *handle,
                                  const char *bytes, size_t size)
{
  HeadGuardVerdict verdict = HEAD_IS_LINE;
  if (size == 0)
    return HEAD_IS_BODY;
  if (!guard->in_line)
    verdict = check_line(guard, handle, bytes, size);
  if (verdict != HEAD_IS_LINE)
    return verdict;
  /* libcurl writes pieces of 16 KiB at most. */
  guard->in_line = bytes[size - 1] != '\n';
  if (!guard->in_line && guard->state == HEAD_SEEN)
    guard->state = HEAD_UNGUARDED;
  return guard->wanted ? HEAD_IS_BODY : HEAD_IS_LINE;
}
