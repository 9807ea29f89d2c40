#include "coe/cli/render/taken.h"

namespace coe::cli {

Json taken_json(const Taken& taken) {
  Json endings = Json::object();
  for (const auto& [ending, n] : taken.endings) endings[ending] = n;
  Json left_out = Json::array();
  for (const auto& item : taken.left_out)
    left_out.push_back({{"what", item.what}, {"n", item.n}, {"first", item.example}});
  return {{"label", taken.label},       {"given", taken.given},     {"n_file", taken.n_file},
          {"endings", endings},         {"n_piece", taken.n_piece}, {"piece_chars", kPieceChars},
          {"n_record", taken.n_record}, {"n_chat", taken.n_chat},   {"left_out", left_out}};
}

}  // namespace coe::cli
