"""What this machine holds, what the warehouse takes of it, and when it is time to move."""
