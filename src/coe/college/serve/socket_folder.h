// A folder for Unix sockets that only this user may enter.
#pragma once

#include "coe/base/descriptor.h"
#include "coe/base/file.h"
#include "coe/base/result.h"

namespace coe {

// It is held by a lock for as long as its owner lives. The owner removes it.
struct SocketFolder {
  Path path;
  Descriptor lock;
};

// Makes a new one in the folder for temporary files, and removes those that killed processes of
// this user have left. Errors: kIo.
Result<SocketFolder> make_socket_folder();

}  // namespace coe
