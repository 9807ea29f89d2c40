#include "coe/corpus/intake/taken.h"

#include "coe/base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kMostEndings = 6;
constexpr std::size_t kExampleBytes = 120;

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", grouped(n), n == 1 ? one : many);
}

std::string endings_text(const Taken& taken) {
  std::string out;
  for (std::size_t i = 0; i < std::min(kMostEndings, taken.endings.size()); ++i)
    out += (out.empty() ? "" : " ") + printable(taken.endings[i].first, 20);
  if (taken.endings.size() > kMostEndings) out += " …";
  return out;
}

// "1 chat without words" of "chats without words".
std::string of_one(std::string what) {
  for (const std::string_view word :
       {"messages", "thoughts", "chats", "declarations", "attachments"}) {
    if (const auto at = what.find(word); at != std::string::npos)
      return what.erase(at + word.size() - 1, 1);
  }
  return what;
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string out = fmt::format("{}", number);
  for (std::size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, ",");
  return out;
}

void Taken::leave_out(std::string_view what, std::string_view example, std::uint64_t n) {
  const auto found = std::ranges::find(left_out, what, &LeftOut::what);
  if (found != left_out.end())
    found->n += n;
  else
    left_out.push_back({std::string(what), n, std::string(example)});
}

void Taken::leave_out_and_tell(std::string_view what, std::string_view example, std::uint64_t n) {
  leave_out(what, example, n);
  std::ranges::find(left_out, what, &LeftOut::what)->tell = true;
}

void Taken::count_ending(std::string_view ending) {
  const auto found =
      std::ranges::find(endings, ending, &std::pair<std::string, std::uint64_t>::first);
  if (found != endings.end())
    ++found->second;
  else
    endings.emplace_back(ending, 1);
}

void Taken::sort_endings() {
  std::ranges::stable_sort(endings, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
}

std::string taken_text(const Taken& taken) {
  std::vector<std::string> parts;
  if (taken.n_file > 0)
    parts.push_back(
        fmt::format("{} ({})", counted(taken.n_file, "file", "files"), endings_text(taken)));
  if (taken.n_chat > 0) parts.push_back(counted(taken.n_chat, "chat", "chats"));
  if (taken.n_record > 0) parts.push_back(counted(taken.n_record, "record", "records"));
  std::vector<std::string> without;
  for (const auto& item : taken.left_out) {
    std::string words =
        fmt::format("{} {}", grouped(item.n), item.n == 1 ? of_one(item.what) : item.what);
    if (item.tell && !item.example.empty())
      words += fmt::format(" ({})", printable(item.example, kExampleBytes));
    without.push_back(std::move(words));
  }
  std::vector<std::string> sections;
  if (!parts.empty()) sections.push_back(fmt::format("{}", fmt::join(parts, ", ")));
  if (!without.empty()) sections.push_back(fmt::format("left out: {}", fmt::join(without, ", ")));
  if (taken.n_piece > 0)
    sections.push_back(fmt::format("{} of at most {} characters",
                                   counted(taken.n_piece, "piece", "pieces"),
                                   grouped(kPieceChars)));
  return fmt::format("{}", fmt::join(sections, "; "));
}

}  // namespace coe
