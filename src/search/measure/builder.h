// The builder: turns traces into shared libraries, in a process of its own.
#pragma once

namespace tilewright::search {

/// Serves commands from `socket` until the other end closes it. Returns the process's exit code.
int serve_builder(int socket);

}  // namespace tilewright::search
