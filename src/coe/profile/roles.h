// Roles of the tokens of a chat: prompt, thinking, its closing window, answer. Each token has
// exactly one, so that the statistics of the roles add up to those of the whole. Source: method
// section 2.3.
#pragma once

#include "coe/engine/chat.h"
#include "coe/engine/engine.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

enum class Role : std::uint8_t {
  kPrompt,    // all that the model does not write: other turns, what opens its own, and an empty
              // thinking block or a lone end of one, by which templates switch thinking off
  kThinking,  // from the start marker to the end marker, both included, but for the closing window
  kClosing,   // the last tokens before the end marker of a thinking block; none without an end
  kAnswer,    // the rest of the model's turns, up to and including the token that ends one
};
inline constexpr std::array kRoles = {Role::kPrompt, Role::kThinking, Role::kClosing,
                                      Role::kAnswer};
// "prompt", …: a sub-domain `web` becomes `web/prompt`, …
std::string_view role_name(Role role);

struct Segments {
  std::vector<Role> roles;            // [n_token]
  std::uint32_t n_turn = 0;           // turns of the model
  std::uint32_t n_thinking = 0;       // thinking blocks that are not empty
  std::uint32_t n_thinking_open = 0;  // of them those that nothing ends
  std::uint32_t n_answer_empty = 0;   // turns with nothing but white space outside thinking
  // With SegmentOptions::first_generated: what the model wrote, without markers; parts of one kind
  // are joined by a newline.
  std::string thinking;
  std::string answer;

  std::size_t count(Role role) const;  // tokens of that role
};

struct SegmentOptions {
  std::uint32_t closing_window = 32;  // tokens
  // From this token on the model wrote the text itself, as one turn: all before it is prompt,
  // nothing after it is, not even an empty thinking block. Default: all of the text was given.
  std::size_t first_generated = static_cast<std::size_t>(-1);
};

// A token belongs to where its first byte stands. A turn of the model reaches from its opening to
// the token that ends it, to the next opening, or to the end of the text. The first end marker
// ends a block, whatever start markers stand inside; further end markers are answer. What opens a
// turn right where another of the model's breaks off (gpt-oss: from thinking to answer) is answer.
// Complexity: linear in the text, times the number of markers.
Segments segment_roles(std::span<const TokenText> tokens, const ChatMarkup& markup,
                       const SegmentOptions& options);

// A sample's routing, kept until the roles of its tokens are known. Memory: 12 bytes for each
// choice and token (8 without expert outputs).
class RoutingTape : public RoutingObserver {
 public:
  // Views from here on are of a sequence whose first token is the sample's token `offset`.
  void begin_sequence(std::size_t offset) { offset_ = offset; }
  void on_routing(const RoutingView& view) override;
  // Plays what was recorded of the tokens of `role` to `to`, in the order of recording. Positions
  // are those of the views. `roles` covers all tokens of the sample.
  void replay(std::span<const Role> roles, Role role, RoutingObserver& to) const;

 private:
  struct Entry {
    RoutingView view;  // its spans are empty
    std::size_t offset = 0;
    std::vector<std::int32_t> ids;
    std::vector<float> weights;
    std::vector<float> output_norms;
    std::vector<float> moe_norms;
    std::vector<float> residual_norms;
  };
  std::size_t offset_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace coe
