"""Who the customers are: learned from purchases, registered and edited by agents."""
