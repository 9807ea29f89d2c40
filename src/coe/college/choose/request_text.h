// What a user would have typed: a record of a corpus may be a chat that a template rendered, but a
// request reaches a chooser as plain words. Control tokens would tell the domains apart by the form
// of their corpora, and no request has them.
#pragma once

#include <string>
#include <string_view>

namespace coe {

// `text` without the control tokens of chat templates (<|turn>, <turn|>, <|im_start|>,
// <start_of_turn>, [INST], …), the role or channel that one of them opens ("user\n"), and white
// space at both ends. Other text stays as it is.
std::string request_text(std::string_view text);

}  // namespace coe
