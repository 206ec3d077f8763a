/* What libcurl asks of the driver about sockets: its socket, open and close
   callbacks. */
#include "driver_private.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int watch_on_socket(CURL *easy, curl_socket_t fd, int what, void *data,
                    void *assigned)
{
  UvMulti *multi = data;
  (void)assigned; /* our table by descriptor is surer */
  if (multi->driver == NULL)
    return 0;
  if (what == CURL_POLL_REMOVE) {
    if (multi->tells_removed)
      multi->removed(easy, multi->data);
    watch_remove(multi->driver, fd);
  }
  else {
    watch_want(multi, easy, fd,
               (what & CURL_POLL_IN ? UV_READABLE : 0) |
                   (what & CURL_POLL_OUT ? UV_WRITABLE : 0));
    if (multi->driver->ftp_forgets)
      ftp_on_want(multi->driver, easy, fd);
  }
  return 0; /* -1 would kill all transfers */
}

void uvdriver_adopt(UvDriver *driver, curl_socket_t fd, int type)
{
  Watch *stale = watch_find(driver, fd);
  Watch *watch;
  if (stale != NULL) {
    int wanted = stale->wanted;
    UvMulti *multi = stale->multi;
    watch_end(stale);
    watch = watch_new(driver, fd);
    if (watch != NULL) {
      watch->multi = multi;
      watch->inherited = wanted;
      driver->inheriting = driver->inheriting || wanted != 0;
    }
  }
  else
    watch = watch_new(driver, fd);
  if (watch != NULL) {
    watch->ours = true;
    watch->stream = uvdriver_kind(type) == SOCK_STREAM;
  }
}

curl_socket_t uvdriver_open(UvDriver *driver, curlsocktype purpose,
                            struct curl_sockaddr *address)
{
  int type = address->socktype;
  curl_socket_t fd;
  (void)purpose;
#ifdef SOCK_CLOEXEC
  /* libcurl before 8.17 lets children inherit its sockets; such a child
     would keep epoll's registration alive after close(). */
  type |= SOCK_CLOEXEC | SOCK_NONBLOCK;
#endif
  fd = socket(address->family, type, address->protocol);
  if (fd < 0) {
    driver->refused += errno == EMFILE || errno == ENFILE;
    return CURL_SOCKET_BAD;
  }
  uvdriver_adopt(driver, fd, address->socktype);
  return fd;
}

void uvdriver_release(UvDriver *driver, curl_socket_t fd)
{
  Watch *watch = watch_find(driver, fd);
  if (watch != NULL)
    watch_end(watch);
}

curl_socket_t watch_open_socket(void *data, curlsocktype purpose,
                                struct curl_sockaddr *address)
{
  return uvdriver_open(data, purpose, address);
}

int watch_close_socket(void *data, curl_socket_t fd)
{
  uvdriver_release(data, fd);
  return close(fd);
}
