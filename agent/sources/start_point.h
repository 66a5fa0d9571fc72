#pragma once

namespace yunjian::agent {

// Where a source begins with what is already there when the agent runs for the very first time.
enum class FileStart { beginning, end };

}  // namespace yunjian::agent
