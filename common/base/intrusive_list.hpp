// A doubly linked list through its elements: O(1) linking and unlinking, no allocation, and an
// element can leave whichever list it is in without knowing it.
#pragma once

namespace pgw::base {

template <class T>
class intrusive_list;

/// The two pointers an element carries. Derive T from it (privately, with intrusive_list<T> as a
/// friend) and forbid copies of T. The element must be unlinked before it is destroyed.
template <class T>
class list_link {
    friend T;
    friend class intrusive_list<T>;
    list_link() noexcept = default;

    list_link* next_ = nullptr;
    list_link* previous_ = nullptr;
};

/// Holds no elements of its own; neither copied nor moved because elements point to its head.
template <class T>
class intrusive_list {
public:
    intrusive_list() noexcept { head_.next_ = head_.previous_ = &head_; }
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;

    bool empty() const noexcept { return head_.next_ == &head_; }
    /// The first element; the list must not be empty.
    T& front() noexcept { return static_cast<T&>(*head_.next_); }

    /// `element` must not be in any list.
    void push_back(T& element) noexcept {
        list_link<T>& link = element;
        link.next_ = &head_;
        link.previous_ = head_.previous_;
        head_.previous_->next_ = &link;
        head_.previous_ = &link;
    }
    /// Moves every element of `other` to the end of this list.
    void append(intrusive_list& other) noexcept {
        if (other.empty()) return;
        other.head_.next_->previous_ = head_.previous_;
        head_.previous_->next_ = other.head_.next_;
        other.head_.previous_->next_ = &head_;
        head_.previous_ = other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
    }
    /// Takes `element` out of the list it is in.
    static void unlink(T& element) noexcept {
        list_link<T>& link = element;
        link.previous_->next_ = link.next_;
        link.next_->previous_ = link.previous_;
        link.next_ = link.previous_ = nullptr;
    }
    static bool linked(const T& element) noexcept {
        const list_link<T>& link = element;
        return link.next_ != nullptr;
    }
    /// Calls `visit(element)` for each; `visit` may unlink the element it is given.
    template <class Visit>
    void for_each(Visit visit) {
        for (auto* link = head_.next_; link != &head_;) {
            auto* const next = link->next_;
            visit(static_cast<T&>(*link));
            link = next;
        }
    }

private:
    list_link<T> head_;
};

}  // namespace pgw::base
