/* libcurl itself, as the shim and the driver call it; the shim's settings and its
   log. */
#define _GNU_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *shim_find(const char *name)
{
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) {
    fprintf(stderr, "shim: there is no %s\n", name);
    abort();
  }
  return function;
}

CURLcode pass_easy_option(CURL *easy, CURLoption option, va_list list)
{
  CURLcode (*set)(CURL *, CURLoption, ...);
  *(void **)&set = (void *)REAL(curl_easy_setopt);
  switch (option / 10000 * 10000) {
  case CURLOPTTYPE_LONG: return set(easy, option, va_arg(list, long));
  case CURLOPTTYPE_OFF_T: return set(easy, option, va_arg(list, curl_off_t));
  default: return set(easy, option, va_arg(list, void *));
  }
}

CURLMcode pass_multi_option(CURLM *multi, CURLMoption option, va_list list)
{
  CURLMcode (*set)(CURLM *, CURLMoption, ...);
  *(void **)&set = (void *)REAL(curl_multi_setopt);
  switch (option / 10000 * 10000) {
  case CURLOPTTYPE_LONG: return set(multi, option, va_arg(list, long));
  case CURLOPTTYPE_OFF_T: return set(multi, option, va_arg(list, curl_off_t));
  default: return set(multi, option, va_arg(list, void *));
  }
}

CURLcode real_curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
  CURLcode code;
  va_list list;
  va_start(list, option);
  code = pass_easy_option(easy, option, list);
  va_end(list);
  return code;
}

CURLMcode real_curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
  CURLMcode code;
  va_list list;
  va_start(list, option);
  code = pass_multi_option(multi, option, list);
  va_end(list);
  return code;
}

CURLMsg *real_curl_multi_info_read(CURLM *multi, int *left)
{
  return REAL(curl_multi_info_read)(multi, left);
}

CURLMcode real_curl_multi_socket_action(CURLM *multi, curl_socket_t fd,
                                        int mask, int *running)
{
  return REAL(curl_multi_socket_action)(multi, fd, mask, running);
}

CURLMcode real_curl_multi_socket_all(CURLM *multi, int *running)
{
  return REAL(curl_multi_socket_all)(multi, running);
}

CURLMcode real_curl_multi_timeout(CURLM *multi, long *ms)
{
  return REAL(curl_multi_timeout)(multi, ms);
}

/* ---- Settings and log ---- */

long setting(const char *name, long otherwise)
{
  const char *text = getenv(name);
  return text != NULL && *text != '\0' ? atol(text) : otherwise;
}

bool drives_multis(void)
{
  static int answer = -1;
  if (answer < 0)
    answer = setting("SHIM_MULTI", 0) != 0;
  return answer;
}

void note(const char *format, ...)
{
  const char *name = getenv("SHIM_LOG");
  char line[512];
  int size, fd;
  va_list list;
  if (name == NULL || *name == '\0')
    return;
  size = snprintf(line, sizeof line, "%ld ", (long)getpid());
  va_start(list, format);
  size += vsnprintf(line + size, sizeof line - (size_t)size - 1, format, list);
  va_end(list);
  if ((size_t)size > sizeof line - 2)
    size = sizeof line - 2;
  line[size++] = '\n';
  fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    return;
  if (write(fd, line, (size_t)size) < 0)
    (void)0;
  (void)close(fd);
}

void note_oddity(const char *what, int number)
{
  char line[300] = "";
  int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t size = fd >= 0 ? read(fd, line, sizeof line - 1) : 0, i;
  if (fd >= 0)
    (void)close(fd);
  for (i = 0; i + 1 < size; i++)
    if (line[i] == '\0')
      line[i] = ' ';
  note("%s (%d): %s", what, number, line);
}
