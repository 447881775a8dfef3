"""Whether the cards earn their place: how many were shown, what clinicians made of them, and why."""
